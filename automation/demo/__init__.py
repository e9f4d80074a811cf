"""The demo shop: a real shop's year of orders, a storefront simulator and a clock that can be turned forward."""
