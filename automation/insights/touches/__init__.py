"""How customers came: the channel of each order, and the first and the last touch of each customer.

What is told of a visit (the link's utm_ parameters, the page before, the device) is sorted into channels by one table,
`channels.RULES`, which the pages show. Orders are traced when they change, customers when something is told of them.
"""
