"""What the template editor does to a mail's source: finds its blocks, and changes one by replacing its letters.

The source is never parsed and written anew. Every edit is a splice on the source's own letters, so a mail that is
opened and saved comes back byte for byte, and an edit changes nothing but the block it is about.
"""
