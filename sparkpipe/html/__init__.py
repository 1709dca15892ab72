"""What a notebook shows: HTML and SVG without scripts, legible on light and dark.

Colours are shades of grey, or of one hue, over whatever the page has; text has the page's own.
"""
