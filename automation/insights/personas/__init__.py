"""Personas: segments with a name, a story and a portrait computed from data.

`portrait` says who the members are, when, what and how much they buy, how they came and which mails they answer.
`grouping` finds groups among the buyers by k-means, `wording` says each as a rule that a person can read and keep.
"""
