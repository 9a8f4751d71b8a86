"""Names, studies and cities of the demo's people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Names that go together, how common they are, and the language that these people read."""

    weight: float
    families: list[str]
    women: list[str]
    men: list[str]
    locale: str = "fr"


def _list(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


ORIGINS = [
    Origin(
        72,
        _list(
            "Martin, Bernard, Thomas, Petit, Robert, Richard, Durand, Dubois, Moreau, Laurent, Simon, "
            "Michel, Lefèvre, Leroy, Roux, David, Bertrand, Morel, Fournier, Girard, Bonnet, Dupont, "
            "Lambert, Fontaine, Rousseau, Vincent, Müller, Lefebvre, Faure, André, Mercier, Blanc, "
            "Guérin, Boyer, Garnier, Chevalier, François, Legrand, Gauthier, Perrin, Robin, Clément, "
            "Morin, Nicolas, Henry, Roussel, Mathieu, Gautier, Masson, Marchand, Duval, Denis, "
            "Dumont, Marie, Lemaire, Noël, Meyer, Dufour, Meunier, Brun, Blanchard, Giraud, Joly, "
            "Rivière, Lucas, Brunet, Gaillard, Barbier, Arnaud, Martínez, Gérard, Roche, Renard, "
            "Schmitt, Roy, Leroux, Colin, Vidal, Caron, Picard, Aubert, Lemoine, Renaud, Dumas, "
            "Lacroix, Olivier, Philippe, Bourgeois, Benoît, Rolland, Leclerc, Payet, Leclercq, "
            "Guillaume, Lecomte, Dupuis, Guillot, Hubert, Berger, Carpentier, Moulin, Louis, "
            "Deschamps, Huet, Vasseur, Perez, Boucher, Fleury, Royer, Klein, Jacquet, Adam, Paris, "
            "Poirier, Marty, Aubry, Guyot, Carré, Charles, Renault, Charpentier, Ménard, Maillard, "
            "Baron, Bertin, Bailly, Hervé, Schneider, Fernandez, Le Gall, Collet, Léger, Bouvier, "
            "Julien, Prévost, Millet, Perrot, Daniel, Le Goff, Cousin, Germain, Breton, Besson, "
            "Langlois, Rémy, D’Aubigné, De La Tour, Saint-Exupéry, Le Roux, Pelletier, Lévêque, Bœuf, "
            "Étienne, Hébert, Lesueur"
        ),
        _list(
            "Marie, Nathalie, Isabelle, Catherine, Sylvie, Anne, Valérie, Sandrine, Stéphanie, "
            "Véronique, Sophie, Céline, Élodie, Émilie, Julie, Aurélie, Claire, Camille, Léa, Manon, "
            "Chloé, Zoé, Inès, Jeanne, Louise, Hélène, Françoise, Brigitte, Chantal, Delphine, Agnès, "
            "Béatrice, Cécile, Éléonore, Margaux, Lucie, Anaïs, Maëlle, Noémie, Océane, Pauline, "
            "Solène, Marion, Laura, Justine, Clémence, Gwenaëlle, Rose, Anne-Sophie, Marie-Claire, "
            "Jeanne-Marie, Héloïse, Apolline, Faustine, Maud, Séverine, Laëtitia, Maïté"
        ),
        _list(
            "Jean, Pierre, Michel, Philippe, Alain, Nicolas, Christophe, Patrick, Frédéric, Laurent, "
            "Éric, Stéphane, Olivier, David, Julien, Sébastien, Thomas, Alexandre, Antoine, "
            "Guillaume, Mathieu, Maxime, Romain, Hugo, Lucas, Théo, Arthur, Louis, Paul, Gaël, Loïc, "
            "Hervé, Cédric, Benoît, Rémi, Jérôme, François, Étienne, Noël, Raphaël, Mickaël, "
            "Jean-Baptiste, Jean-Luc, Gilles, Xavier, Thibault, Bastien, Quentin, Clément, Adrien, "
            "Vincent, Damien, Fabien, Yann, Erwan, Augustin, Grégoire, Aurélien, Tristan, Ambroise"
        ),
    ),
    Origin(
        9,
        _list(
            "Benali, Haddad, Bouaziz, Cherif, Mansouri, Belkacem, Amrani, El Idrissi, Ben Salah, "
            "Trabelsi, Khelifi, Hamdi, Ziani, Saïdi, Bensaïd, Boukhari, El Khatib, Naïm, Rahmani, "
            "Yahiaoui, Ouédraogo, Lahlou"
        ),
        _list(
            "Yasmina, Leïla, Samira, Nadia, Fatima, Aïcha, Soraya, Malika, Inès, Nour, Salma, Amel, "
            "Houda, Zineb"
        ),
        _list(
            "Karim, Youssef, Mehdi, Rachid, Samir, Nabil, Amine, Sofiane, Idriss, Hicham, Farid, "
            "Bilal, Anis, Zaïd"
        ),
    ),
    Origin(
        5,
        _list(
            "Diallo, Traoré, N’Diaye, Koné, Coulibaly, Sow, Diop, Mbaye, Keïta, Touré, Cissé, "
            "Kouassi, N’Guessan, Mbemba, Ngoma, Fofana, Camara, Bâ, Gueye, Adjovi"
        ),
        _list(
            "Fatoumata, Aminata, Awa, Mariama, Aïssatou, Adjoua, Khady, Rokhaya, Binta, Grâce, "
            "Divine, Salimata"
        ),
        _list(
            "Mamadou, Ousmane, Ibrahima, Moussa, Cheikh, Kouamé, Abdoulaye, Seydou, Modibo, Aliou, "
            "Christian, Prince"
        ),
    ),
    Origin(
        4,
        _list("Nguyễn, Trần, Lê, Phạm, Huỳnh, Võ, Đặng, Bùi, Đỗ, Hồ, Ngô, Dương"),
        _list("Thị Lan, Ngọc Anh, Minh Châu, Thu Hà, Mai, Hương, Linh, Kim Liên, Zoé, Quỳnh"),
        _list("Văn Minh, Đức, Hùng, Quang, Tuấn, Anh Dũng, Hải, Khôi, Bảo, Thành"),
    ),
    Origin(
        4,
        _list(
            "Silva, Gonçalves, Ferreira, Conceição, Magalhães, García, Muñoz, Núñez, Rossi, D’Angelo, "
            "Esposito, Simões"
        ),
        _list(
            "Inês, Conceição, Beatriz, Begoña, Lucía, Chiara, Giulia, Íris, Núria, Catarina, Sofía, Ludovica"
        ),
        _list("João, Tiago, José, Íñigo, Álvaro, Matteo, Niccolò, Simão, António, Joaquín, Ramón, Lorenzo"),
    ),
    Origin(
        3,
        _list(
            "Kowalski, Wójcik, Łukasiewicz, Żukowska, Novák, Dvořák, Šimić, Kovačević, Horváth, "
            "Szőke, Ionescu, Ștefănescu"
        ),
        _list(
            "Małgorzata, Agnieszka, Zofia, Ludmiła, Kateřina, Đurđica, Željka, Zsófia, Ioana, "
            "Ruxandra, Ånja, Bożena"
        ),
        _list("Łukasz, Paweł, Michał, Ondřej, Jiří, Željko, Ştefan, László, Gábor, Mircea, Bogdan, Tomáš"),
    ),
    Origin(
        1.5,
        _list("Yılmaz, Şahin, Öztürk, Çelik, Doğan, Kılıç, Aydın, Güneş"),
        _list("Ayşe, Zeynep, Elif, Gülşah, Işıl, Özge"),
        _list("Mehmet, Oğuz, Çağlar, İbrahim, Ömer, Barış"),
    ),
    Origin(
        1.5,
        _list(
            "O’Connor, Murphy, Ní Bhriain, Sørensen, Åkerström, Jürgens, Weiß, Bjørnstad, Þórsdóttir, "
            "Smith, Walker, Lindström"
        ),
        _list("Zoë, Siobhán, Sinéad, Aoife, Åsa, Ingrid, Brontë, Emily, Charlotte, Freya, Chloë, Maeve"),
        _list("Ængus, Seán, Pádraig, Bjørn, Jürgen, Søren, Håkon, William, Oliver, Ciarán, Niels, Ægir"),
        locale="en",
    ),
]

PROGRAMMES = [
    ("Licence Droit", "Master Droit des affaires"),
    ("Licence Droit", "Master Droit public"),
    ("Licence Économie et gestion", "Master Gestion"),
    ("Master Gestion", "Master Finance"),
    ("DUT Informatique", "Master MIAGE"),
    ("Licence Informatique", "Master Informatique"),
    ("Doctorat en médecine",),
    ("Doctorat en pharmacie",),
    ("Licence Lettres modernes", "Master Lettres modernes"),
    ("Licence Histoire", "Master Histoire"),
    ("Licence Psychologie", "Master Psychologie"),
    ("Licence Chimie", "Doctorat Chimie"),
    ("Licence Mathématiques", "Master Mathématiques"),
    ("Diplôme d’ingénieur Génie civil",),
    ("Licence Anglais", "Master Traduction"),
]

CITIES = _list(
    "Paris, Paris, Paris, Paris, Lyon, Lyon, Lyon, Marseille, Toulouse, Nantes, Bordeaux, "
    "Lille, Rennes, Strasbourg, Grenoble, Montpellier, Nice, Orléans, Tours, Dijon, "
    "Angoulême, Saint-Étienne, Besançon, Nîmes, Clermont-Ferrand, Bruxelles, Genève, "
    "Lausanne, Londres, Berlin, Montréal, Dakar, Casablanca, Tunis, Lisbonne, Varsovie, New "
    "York"
)
