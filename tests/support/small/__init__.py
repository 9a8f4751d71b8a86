"""A small service with everything that the kit gives, for the kit's own tests.

Owns: notes. Says nothing, hears nothing. Doors: routes.
"""
