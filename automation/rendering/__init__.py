"""From MJML + Jinja to a finished mail: compiled once per version, rendered per recipient in a killable child."""
