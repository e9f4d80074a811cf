"""What customers are worth: their RFM group, what is expected of them, and how warm they are.

**RFM.** Recency is the days since the last order, frequency the number of orders, monetary what was spent. Each is a
score of 1 to 5 by four thresholds: the quintiles of the store's buyers, for frequency one order and the quartiles of
those who bought again; a store may set its own. Recency and frequency give the group (`rfm`).

**What is expected.** BG/NBD (`purchasing`) says how many orders will come and whether the customer is still active,
Gamma-Gamma (`spending`) what an order brings; lifetime value is the product of both over the store's horizon, without
discounting it and before costs. Purchases are occasions as in `automation.rhythms`, times are weeks. Both models are
fitted to at most `fitting.SAMPLE` buyers once a week. With fewer than 500 buyers, fewer than 50 who bought again or
less than 13 weeks of orders, averages of cohorts take their place (`cohorts`).

**Lead score.** Points for what happened, halved with every half-life and limited for each line, and points for being
in a segment (`lead`).

**The cost** is that of what changed. A customer's row has a `due_at`: now, when orders changed or something that
scores happened; the day on which recency falls by one; and otherwise within a week, because probabilities age. Whoever
never bought and never did anything has none, and costs nothing. `refreshing` takes what is due; `checking` goes over
everything each night, a few customers at a time, and tells of differences.
"""
