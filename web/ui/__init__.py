"""What both faces share: tokens, type, styles, small scripts, macros and charts."""
