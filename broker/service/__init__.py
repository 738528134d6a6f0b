"""The stories, async: posting, routing, reading, receipts, subscriptions, check-up.

What a bulletin means is decided in `protocol`, where bytes lie is known to `store`; this package joins the
two and adds clock, entropy and order.
"""
