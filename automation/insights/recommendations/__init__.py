"""What to show a customer next, kept up to date order by order.

**The formulas.** `orders(a)` is how many orders hold product a, `orders(a, b)` how many hold both; orders of more than
20 products say nothing of what goes together and count for the first number only. What goes with a product are its 24
best others by the cosine `orders(a, b) / √(orders(a) · orders(b))`, with at least two orders of both. A product's
heat is the sum of its orders' weights, each half as heavy as one that is 21 days younger; trending is what is hottest
of what was ordered within 90 days. What suits a customer is the sum, over the last 50 products that they bought, of
`cosine · ½^(days since / 60) · √(heat + 0.1)`.

Never shown is what the customer has, what is in the order or cart that a mail is about, what cannot be had, and what
has no page, picture or price. Products with the tag "consumable" may be shown to those who have them. Where a list
comes out short it is filled from the next: goes together, same category, trending, new in the store.

**The cost** is that of what changed: `counting` compares each changed order with what was counted of it and adds the
difference; `partners` looks at a product again at most once an hour, after its pairs changed; `choosing` reads six
times for a whole batch of messages. `checking` counts everything anew each night, a few products at a time, tells of
differences and puts them right.

Item-to-item filtering: Linden, Smith and York, "Amazon.com Recommendations", IEEE Internet Computing 7 (2003). The
heat that needs no ageing: Cormode et al., "Forward Decay", ICDE 2009.
"""
