"""The campaigns of the demo: what a French university might really ask for, in both languages.

Days are counted from today, so that the demo is alive whenever it is started.
"""

from typing import Any

_RULING = {"kind": "ruling", "reference": "Rescrit 2019/114", "dated_on": "2019-06-14"}
_CAPACITY = "directrice générale, par délégation du président"

ENTITIES: list[dict[str, Any]] = [
    {
        "slug": "fondation",
        "name": "Fondation de l’université de Valmont",
        "can_issue_receipts": True,
        "creditor_id": "FR72ZZZ123456",
        "siren": "732829320",
        "address": {
            "street": "1 place des Tilleuls",
            "postal_code": "35000",
            "city": "Rennes",
            "country": "FR",
        },
        "purpose": "Soutenir la formation, la recherche et la vie étudiante de l’université de Valmont.",
        "category": "university_foundation",
        "receipt_series": "FUV",
        "entitlements": {"200": _RULING, "238bis": _RULING},
        "signatories": [
            {"name": "Hélène Marchetti", "capacity": _CAPACITY, "from_on": "2019-01-01", "until_on": None}
        ],
        "date_rules": {"card": "captured", "sepa_debit": "arrived"},
    },
    {"slug": "association", "name": "Amicale des anciens de Valmont", "can_issue_receipts": False},
]

STREETS = [
    {"street": "8 rue des Carmes", "postal_code": "35000", "city": "Rennes", "country": "FR"},
    {"street": "27 quai Saint-Cast", "postal_code": "44000", "city": "Nantes", "country": "FR"},
    {"street": "115 rue de Charenton", "postal_code": "75012", "city": "Paris", "country": "FR"},
    {"street": "3 montée du Gourguillon", "postal_code": "69005", "city": "Lyon", "country": "FR"},
]

FUNDS = {"Bourses": "fondation", "Campus et recherche": "fondation", "Vie associative": "association"}

CAMPAIGNS: list[dict[str, Any]] = [
    {
        "slug": "un-gymnase-pour-tous",
        "fund": "Campus et recherche",
        "picture": "sport",
        "starts": -700,
        "ends": -610,
        "goal_minor": 2_500_000,
        "suggested_minor": [3000, 8000, 20000],
        "gifts": 150,
        "raises_minor": 2_310_000,
        "title": {
            "fr": "Un gymnase où tout le monde peut entrer",
            "en": "A gym that everyone can get into",
        },
        "summary": {
            "fr": "Deux marches, et Yanis restait dehors. Une rampe, des vestiaires, trois fauteuils de "
            "sport : "
            "le gymnase des Tilleuls ouvre enfin à tous.",
            "en": "Two steps kept Yanis outside. A ramp, changing rooms, three sports wheelchairs: "
            "the Tilleuls gym opens to everyone at last.",
        },
        "story": {
            "fr": "Le gymnase des Tilleuls a été construit en 1968. On y entre par deux marches, et les "
            "vestiaires sont au sous-sol. Yanis, en deuxième année de physique, y a passé un an d’option "
            "sport "
            "à regarder les autres depuis la porte.\n\n"
            "Avec vos dons, nous avons posé une rampe, refait deux vestiaires de plain-pied et acheté trois "
            "fauteuils de basket. Le mardi soir, ils sont maintenant dix-sept à jouer, valides ou non.\n\n"
            "Il restait à financer le marquage au sol contrasté : il a été peint en septembre.",
            "en": "The Tilleuls gym was built in 1968. You enter it by two steps, and the changing rooms are "
            "in the basement. Yanis, a second-year physicist, spent a year of sports class watching the "
            "others from the door.\n\n"
            "With your gifts we laid a ramp, rebuilt two changing rooms on the ground floor and bought three "
            "basketball wheelchairs. On Tuesday nights seventeen people now play, disabled or not.\n\n"
            "The high-contrast floor markings were still to be paid for: they were painted in September.",
        },
        "surplus_use": {
            "fr": "Ce qui a manqué a été pris sur les réserves du fonds.",
            "en": "What was missing came out of the fund’s reserves.",
        },
    },
    {
        "slug": "la-bibliotheque-jusqu-a-minuit",
        "fund": "Campus et recherche",
        "picture": "library",
        "starts": -480,
        "ends": -390,
        "goal_minor": 3_600_000,
        "suggested_minor": [2000, 5000, 15000],
        "gifts": 210,
        "raises_minor": 3_790_000,
        "title": {"fr": "La bibliothèque ouverte jusqu’à minuit", "en": "A library open until midnight"},
        "summary": {
            "fr": "Un étudiant sur trois n’a pas de bureau chez lui. Une année d’ouverture en soirée coûte "
            "36 000 €.",
            "en": "One student in three has no desk at home. A year of evening opening costs €36,000.",
        },
        "story": {
            "fr": "À 19 heures, les lumières s’éteignaient, et Inès finissait ses révisions dans la "
            "laverie de "
            "sa résidence, parce qu’il y faisait chaud et qu’il y avait une table.\n\n"
            "Ouvrir la salle Lavoisier jusqu’à minuit, du lundi au vendredi, c’est deux vigiles, un "
            "bibliothécaire et le chauffage. Rien de plus, mais il fallait le payer.\n\n"
            "Depuis, 240 personnes y travaillent chaque soir en période d’examens. La direction de "
            "l’université a repris la dépense à son compte : elle ne dépend plus des dons.",
            "en": "At seven the lights went out, and Inès finished revising in the laundry of her residence, "
            "because it was warm and had a table.\n\n"
            "Keeping the Lavoisier room open until midnight on weekdays takes two guards, one librarian and "
            "the heating. Nothing more, but it had to be paid for.\n\n"
            "Since then 240 people work there on every evening of the exam season, and the university has "
            "taken the cost over: it no longer depends on gifts.",
        },
        "surplus_use": {
            "fr": "Le surplus a payé deux week-ends d’ouverture avant les partiels.",
            "en": "The surplus paid for two weekends of opening before the exams.",
        },
    },
    {
        "slug": "un-verger-sur-le-campus",
        "fund": "Vie associative",
        "picture": "garden",
        "starts": -330,
        "ends": -240,
        "goal_minor": 900_000,
        "suggested_minor": [2000, 4000, 8000],
        "gifts": 130,
        "raises_minor": 940_000,
        "title": {
            "fr": "Quarante-deux arbres à la place d’un parking",
            "en": "Forty-two trees where a car park was",
        },
        "summary": {
            "fr": "Des pommiers, des figuiers, des bancs : l’Amicale plante un verger derrière l’amphi B, et "
            "chacun peut parrainer un arbre.",
            "en": "Apple trees, fig trees, benches: the alumni plant an orchard behind lecture hall B, and "
            "anyone can sponsor a tree.",
        },
        "story": {
            "fr": "Le parking B servait à douze voitures et à beaucoup de flaques. En mars, soixante "
            "volontaires de dix-huit promotions ont cassé l’enrobé à la pioche, puis planté.\n\n"
            "Chaque arbre porte le nom d’une promotion. Celui de 1974 est un cognassier, choisi à "
            "l’unanimité moins une voix.\n\n"
            "La première récolte est prévue dans deux ans. Les bancs, eux, servent déjà.",
            "en": "Car park B held twelve cars and a great many puddles. In March sixty volunteers from "
            "eighteen classes broke the tarmac with pickaxes, then planted.\n\n"
            "Each tree bears the name of a class. That of 1974 is a quince, chosen unanimously but for one "
            "vote.\n\n"
            "The first harvest is due in two years. The benches are in use already.",
        },
        "surplus_use": {
            "fr": "Le surplus entretient le verger : arrosage et taille.",
            "en": "The surplus looks after the orchard: watering and pruning.",
        },
    },
    {
        "slug": "l-orchestre-cherche-ses-violoncelles",
        "fund": "Vie associative",
        "picture": "music",
        "starts": -66,
        "ends": 25,
        "goal_minor": 1_400_000,
        "unit_minor": 350_000,
        "units_promised": 4,
        "unit_name": {"fr": "violoncelles", "en": "cellos"},
        "suggested_minor": [2500, 5000, 10000],
        "gifts": 90,
        "raises_minor": 512_000,
        "title": {
            "fr": "L’orchestre des étudiants cherche ses violoncelles",
            "en": "The student orchestra is looking for its cellos",
        },
        "summary": {
            "fr": "Six violoncellistes, deux instruments. Pour jouer Fauré au printemps, il en manque "
            "quatre.",
            "en": "Six cellists, two instruments. To play Fauré in spring, four are missing.",
        },
        "story": {
            "fr": "L’orchestre répète le jeudi dans l’amphi Descartes. Il accueille tous ceux qui savent "
            "lire "
            "une partition, et prête l’instrument à ceux qui n’en ont pas. Cette année, six violoncellistes "
            "se sont présentés ; l’armoire en contient deux.\n\n"
            "Un violoncelle d’étude, d’occasion, révisé par l’atelier Berger, coûte 3 500 €. Il sert vingt "
            "ans, donc à une quarantaine de musiciens.\n\n"
            "Le concert de printemps sera donné à l’église Saint-Martin, entrée libre. Les donateurs y sont "
            "invités, bien sûr, mais les autres aussi.",
            "en": "The orchestra rehearses on Thursdays in the Descartes hall. It takes anyone who reads "
            "music, and lends an instrument to those who have none. This year six cellists came forward; the "
            "cupboard holds two.\n\n"
            "A second-hand student cello, overhauled by the Berger workshop, costs €3,500. It serves for "
            "twenty years, so for some forty musicians.\n\n"
            "The spring concert will be given at Saint-Martin’s, free for all. Donors are invited, of "
            "course, but so is everyone else.",
        },
        "surplus_use": {
            "fr": "Si l’objectif est dépassé, le surplus paie l’accord du piano de la salle de répétition.",
            "en": "Past the goal, the surplus pays for tuning the rehearsal room’s piano.",
        },
    },
    {
        "slug": "voir-battre-une-cellule",
        "fund": "Campus et recherche",
        "picture": "laboratory",
        "starts": -120,
        "ends": 22,
        "goal_minor": 4_500_000,
        "suggested_minor": [5000, 15000, 50000],
        "gifts": 190,
        "raises_minor": 4_760_000,
        "title": {"fr": "Voir battre une cellule", "en": "Watching a cell beat"},
        "summary": {
            "fr": "Un microscope à feuille de lumière pour les étudiants de licence, pas seulement pour les "
            "laboratoires.",
            "en": "A light-sheet microscope for undergraduates, not for the laboratories alone.",
        },
        "story": {
            "fr": "On apprend la biologie cellulaire sur des photographies. Le jour où l’équipe du "
            "professeur "
            "Okonkwo a laissé une classe de deuxième année regarder un cœur de poisson-zèbre battre en "
            "direct, trois étudiants ont changé d’orientation le soir même.\n\n"
            "Le microscope demandé sera réservé à l’enseignement. Deux cents étudiants s’en serviront chaque "
            "année, par groupes de quatre.\n\n"
            "L’objectif est atteint, et la campagne reste ouverte : chaque don supplémentaire paie des "
            "heures de technicien, sans lesquelles un microscope n’est qu’un meuble.",
            "en": "Cell biology is taught from photographs. On the day that Professor Okonkwo’s team let a "
            "second-year class watch a zebrafish heart beat live, three students changed their course that "
            "very evening.\n\n"
            "The microscope is for teaching only. Two hundred students will use it each year, in groups of "
            "four.\n\n"
            "The goal is reached, and the campaign stays open: each further gift pays for hours of a "
            "technician, without whom a microscope is a piece of furniture.",
        },
        "surplus_use": {
            "fr": "Le surplus paie des heures de technicien.",
            "en": "The surplus pays for a technician’s hours.",
        },
    },
    {
        "slug": "un-loyer-ne-doit-pas-decider",
        "fund": "Bourses",
        "picture": "skyline",
        "starts": -53,
        "ends": 38,
        "goal_minor": 12_000_000,
        "suggested_minor": [6000, 12000, 30000],
        "gifts": 430,
        "raises_minor": 8_760_000,
        "title": {
            "fr": "Personne ne devrait renoncer à ses études à cause d’un loyer",
            "en": "Nobody should give up their studies because of the rent",
        },
        "summary": {
            "fr": "Une bourse de 400 € par mois, c’est une année sauvée. Avec vous, trente étudiantes et "
            "étudiants la recevront.",
            "en": "A grant of €400 a month saves a year of studies. With you, thirty students will have one.",
        },
        "story": {
            "fr": "Maëlle s’est levée à quatre heures pendant tout l’hiver, pour mettre en rayon avant son "
            "premier cours. Elle avait calculé : 540 € de chambre, 210 € de reste, et un semestre de "
            "retard.\n\n"
            "Le fonds de bourses verse 400 € par mois pendant dix mois : de quoi tenir le loyer, les livres, "
            "le billet de train pour rentrer. Il n’est demandé qu’une chose en retour, un mot en fin "
            "d’année. Nous les gardons tous.\n\n"
            "L’an dernier, vingt-trois boursières et boursiers sur vingt-six ont validé leur année. Cette "
            "année, nous avons reçu cent quatre demandes.\n\n"
            "Une commission de trois enseignants et de deux anciens attribue les bourses, sans voir les "
            "noms. Chaque euro donné va à un étudiant : la fondation paie les frais de gestion sur ses "
            "propres ressources.",
            "en": "All winter Maëlle got up at four to stack shelves before her first lecture. She had done "
            "the sum: €540 for the room, €210 left, and a semester behind.\n\n"
            "The scholarship fund pays €400 a month for ten months: enough for the rent, the books, the "
            "train home. It asks for one thing in return, a word at the end of the year. We keep every one "
            "of them.\n\n"
            "Last year twenty-three of twenty-six scholars passed. This year we received a hundred and four "
            "applications.\n\n"
            "Three teachers and two alumni award the grants without seeing the names. Every euro goes to a "
            "student: the foundation pays the running costs from its own means.",
        },
        "surplus_use": {
            "fr": "Si l’objectif est dépassé, le surplus finance les bourses de l’année suivante.",
            "en": "Past the goal, the surplus pays for next year’s scholarships.",
        },
    },
]

GUESTS_GIVEN = (
    "Anne-Laure", "Mehdi", "Hélène", "Giovanni", "Aïcha", "Pauline", "Thibault", "Nuria", "Björn",
    "Françoise", "Amadou", "Léonie", "Rémi", "Zoé", "Siobhán", "Wei", "Karim", "Odile", "Ferdinand",
    "Noémie", "Łukasz", "Fatoumata", "Étienne", "Gaëlle", "Ngozi", "Sacha",
)  # fmt: skip
GUESTS_FAMILY = (
    "Delacroix", "Benali", "Ferrari", "Nguyễn", "Lefèvre", "Traoré", "O’Sullivan", "Müller", "Garnier",
    "Petrov", "Chevalier", "Diallo", "Rousseau", "Kowalski", "Perrin", "Santos", "Fontaine",
    "Lindqvist", "Meunier", "Haddad", "Besnard", "Okafor", "Vasseur", "Roche",
)  # fmt: skip
MESSAGES = {
    "fr": [
        "J’ai moi-même reçu une bourse en 1987. À mon tour.",
        "En souvenir de mes années rue des Carmes.",
        "Bon courage aux étudiants d’aujourd’hui !",
        "Merci à l’équipe pour ce que vous faites.",
    ],
    "en": ["I had a grant myself, long ago. My turn.", "For the library where I met my wife.", "Keep going!"],
}
