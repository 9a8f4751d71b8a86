"""The kit that every service is built with: no rule of any one service lives here."""
