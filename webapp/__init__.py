"""The windows and doors: admin pages, webhooks, the JSON API, and the links in mails.

Every file of `webapp/pages/` (windows, for admins) and `webapp/doors/` (for machines and recipients) holds one
`blueprint`. Every route declares its permission; a route without one fails the start.
"""
