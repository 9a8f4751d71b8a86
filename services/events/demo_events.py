"""The events of the demo, in both languages. Days are counted from today, so that the demo stays alive."""

from typing import Any

EVENTS: list[dict[str, Any]] = [
    {
        "slug": "retrouvailles-de-promotion",
        "day": -46,
        "hour": 18,
        "lasts": 5,
        "place": "Cour d’honneur, 1 place de l’Université, Valmont",
        "organiser": "Amicale des anciens de Valmont",
        "picture": "skyline",
        "seats_max": 120,
        "members": 31,
        "guests": 6,
        "title": {"fr": "Retrouvailles des promotions", "en": "Class reunion"},
        "summary": {
            "fr": "Dix, vingt, trente ans après : une soirée pour se revoir.",
            "en": "Ten, twenty, thirty years on: an evening to meet again.",
        },
        "description": {
            "fr": "Un verre dans la cour d’honneur, puis un dîner par promotion. Venez avec vos proches.",
            "en": "A drink in the main courtyard, then dinner by class. Friends and family are welcome.",
        },
    },
    {
        "slug": "conference-climat-et-villes",
        "day": 9,
        "hour": 18,
        "lasts": 2,
        "place": "Grand amphithéâtre, 12 rue des Écoles, Valmont",
        "organiser": "Fondation de l’université de Valmont",
        "picture": "laboratory",
        "seats_max": 40,
        "members": 24,
        "guests": 5,
        "title": {"fr": "Climat : ce que les villes peuvent faire", "en": "Climate: what cities can do"},
        "summary": {
            "fr": "Une conférence suivie d’un débat avec trois anciens qui y travaillent.",
            "en": "A talk and a debate with three alumni who work on it.",
        },
        "description": {
            "fr": "Arbres, transports, bâtiments : ce qui marche, ce qui coûte, et ce que l’on sait mesurer.",
            "en": "Trees, transport, buildings: what works, what it costs, and what can be measured.",
        },
    },
    {
        "slug": "atelier-changer-de-metier",
        "day": 16,
        "hour": 12,
        "lasts": 1,
        "place": "",
        "online_url": "https://visio.valmont.example/atelier-metier",
        "organiser": "Amicale des anciens de Valmont",
        "picture": "library",
        "seats_max": 200,
        "per_registration_max": 1,
        "members": 17,
        "guests": 3,
        "title": {"fr": "En ligne : changer de métier", "en": "Online: changing careers"},
        "summary": {
            "fr": "Une heure, trois parcours, et vos questions.",
            "en": "One hour, three careers, and your questions.",
        },
        "description": {
            "fr": "L’adresse pour nous rejoindre vous est donnée à l’inscription.",
            "en": "You are told where to join us once you have registered.",
        },
    },
    {
        "slug": "diner-des-anciens",
        "day": 31,
        "hour": 20,
        "lasts": 4,
        "place": "Maison des anciens, 3 quai de la Loire, Valmont",
        "organiser": "Amicale des anciens de Valmont",
        "picture": "music",
        "visibility": "alumni",
        "seats_max": 80,
        "per_registration_max": 2,
        "closes_before": 3,
        "members": 22,
        "guests": 0,
        "title": {"fr": "Dîner des anciens", "en": "Alumni dinner"},
        "summary": {
            "fr": "Le dîner d’hiver, réservé aux anciens et à la personne qui les accompagne.",
            "en": "The winter dinner, for alumni and one companion each.",
        },
        "description": {
            "fr": "Trois plats, une table par décennie. Dites-nous trois jours avant si vous ne venez plus.",
            "en": "Three courses, a table for each decade. Tell us three days ahead if you cannot come.",
        },
    },
    {
        "slug": "portes-ouvertes-des-laboratoires",
        "day": 58,
        "hour": 10,
        "lasts": 7,
        "place": "Campus des sciences, avenue Marie-Curie, Valmont",
        "organiser": "Université de Valmont",
        "picture": "garden",
        "seats_max": None,
        "members": 9,
        "guests": 4,
        "title": {"fr": "Portes ouvertes des laboratoires", "en": "Open day of the laboratories"},
        "summary": {
            "fr": "Onze laboratoires ouvrent leurs portes, pour toute la famille.",
            "en": "Eleven laboratories open their doors, for all the family.",
        },
        "description": {
            "fr": "Venez et repartez quand vous voulez ; s’inscrire nous aide à prévoir les visites guidées.",
            "en": "Come and go as you like; registering helps us plan the guided tours.",
        },
    },
]

GUESTS = [
    ("Camille", "Perrin"),
    ("Hugo", "Lefèvre"),
    ("Inès", "Benali"),
    ("Thomas", "O’Brien"),
    ("Nora", "Schmidt"),
    ("Paul", "Garnier"),
]
COMPANIONS = [("Lucie", "Morel"), ("Karim", "Haddad"), ("Jeanne", "Faure"), ("Marc", "Dubois")]
