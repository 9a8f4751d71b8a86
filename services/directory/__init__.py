"""The directory: who the school's people are, how they sign in, and what they allow.

Owns: people (names, degrees, email addresses, what each allows per purpose), accounts, sessions,
    sign-in links, rights, imports; one database, `directory`.
Says: `person.card` on `amicale.people` (versioned, one per change); `account.opened`,
    `sign_in.link_issued` and `import.completed` on `amicale.directory`.
Hears: nothing yet.
Doors: routes under `/api/v1/directory`, the jobs of `schedule.py`, the commands `first_officer`
and `demo`.
"""
