"""What the deliver stage is made of: from a ready message to a settled one, at any instruction of which it may die.

claims    who may go now, and who may not after all (suppression, consent, expiry), under lease and fence
contents  the finished mails, frozen at the first attempt
results   what a provider's answer means for each message
journal   the answer on disk before it is in the database
settling  the answer in the database, once, whatever else has happened to the row
recovery  what a dead worker held
ladder    finding out what became of a request without an answer
"""
