"""A mailbox for everybody: `smtp` takes every email, `pages` show them, `script` refuses on request."""
