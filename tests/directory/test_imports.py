"""Imports: read as registrars write, refused row by row, written once and only when confirmed."""

import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from services.directory import (
    contacts,
    enrolments,
    import_runs,
    imports,
    people,
    readings,
    refusals,
    sheets,
    sign_in_links,
)
from services.directory.models import Consent, Import, ImportRow, Person, Transaction, database
from services.directory.models.imports import ImportAlreadyConfirmed, ImportAlreadyDiscarded
from tests.directory.conftest import NOW, said
from tests.support.marks import MARKS, soon

HEADER = (
    "N° étudiant;Nom d'usage;Nom de naissance;Prénom;Date de naissance;"
    "Diplôme;Année d'obtention;Courriel;Ville"
)
ROW = "72100001;NGUYEN;Nguyen;Zoé;19/01/1944;DUT Informatique;1972;zoe@example.org;Angoulême"


def check(session, *lines, encoding="utf-8", header=HEADER, **more):
    content = "\r\n".join([header, *lines]).encode(encoding)
    return imports.check(session, io.BytesIO(content), filename="people.csv", by=None, at=NOW, **more)


def run(import_id, *, at=NOW):
    """Let the worker write a confirmed import to its end; how many people."""
    total = 0
    while True:
        with Transaction() as session:
            done = import_runs.write_some(session, at=at)
        if not done:
            break
        total += done
    with Transaction() as session:
        return session.get(Import, import_id), total


def bring(*lines, **more):
    """Check, confirm and write a file; the import."""
    with Transaction() as session:
        checked = check(session, *lines, **more)
        imports.confirm(session, checked.id, by=None, at=NOW)
    return run(checked.id)[0]


def reasons(session, checked):
    return {row.row: row.reason for row in refusals.of_import(session, checked.id)}


def person(session, school_id="72100001"):
    found = session.scalar(select(Person.id).where(Person.school_id == school_id))
    return readings.read(session, found) if found else None


def test_nothing_is_written_before_it_is_confirmed(session):
    checked = check(session, ROW)

    assert (checked.status, checked.counts["created"]) == ("checked", 1)
    assert person(session) is None
    assert said(session, "person.card") == []
    assert import_runs.write_some(session, at=NOW) == 0


def test_a_row_becomes_a_person_with_a_card():
    done = bring(ROW)

    with Transaction() as session:
        zoe = person(session)
        assert (zoe.given_name, zoe.family_name, zoe.birth_name) == ("Zoé", "Nguyen", None)
        assert (str(zoe.born_on), zoe.city, zoe.email) == ("1944-01-19", "Angoulême", "zoe@example.org")
        assert [(degree.programme, degree.class_year) for degree in zoe.degrees] == [
            ("DUT Informatique", 1972)
        ]
        assert [card["version"] for card in said(session, "person.card")] == [1]
        assert done.counts == {"created": 1, "updated": 0, "unchanged": 0, "refused": 0}
        completed = said(session, "import.completed")
        assert [(each["status"], each["counts"]["created"]) for each in completed] == [("done", 1)]


def test_the_same_file_again_changes_nothing():
    bring(ROW)

    again = bring(ROW)

    assert again.counts == {"created": 0, "updated": 0, "unchanged": 1, "refused": 0}
    with Transaction() as session:
        assert len(said(session, "person.card")) == 1


def test_several_rows_of_a_number_are_one_person_with_several_degrees():
    done = bring(ROW, ROW.replace("DUT Informatique;1972", "Licence Droit;1974"))

    with Transaction() as session:
        assert person(session).class_years == [1972, 1974]
    assert (done.rows, done.people, done.counts["created"]) == (2, 1, 1)


def test_a_row_that_gives_a_number_to_somebody_else_is_refused(session):
    checked = check(session, ROW, ROW.replace("Zoé", "Paul"))

    assert reasons(session, checked) == {3: "disagrees"}
    assert checked.counts == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}


def test_an_empty_cell_erases_nothing_and_a_known_city_stays():
    bring(ROW)
    with Transaction() as session:
        people.change(session, person(session).id, by=None, at=NOW, city="Lyon")

    done = bring("72100001;Nguyen;;Zoé;;;;;Paris")

    with Transaction() as session:
        zoe = person(session)
        assert (zoe.city, str(zoe.born_on), len(zoe.degrees), zoe.email) == (
            "Lyon",
            "1944-01-19",
            1,
            "zoe@example.org",
        )
    assert done.counts["unchanged"] == 1


def test_a_new_name_and_address_are_an_update():
    bring(ROW)

    done = bring("72100001;MARTIN;Nguyen;Zoé;;;;z.martin@example.org;")

    with Transaction() as session:
        zoe = person(session)
        assert (zoe.family_name, zoe.birth_name) == ("Martin", "Nguyen")
        assert [email.address for email in zoe.emails] == ["zoe@example.org", "z.martin@example.org"]
    assert done.counts["updated"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_files_are_read_as_they_come(session, encoding, delimiter):
    checked = check(
        session, ROW.replace(";", delimiter), header=HEADER.replace(";", delimiter), encoding=encoding
    )

    assert checked.delimiter == delimiter
    assert checked.encoding == ("windows-1252" if encoding == "cp1252" else "utf-8")
    assert session.scalars(select(ImportRow)).one().wish["city"] == "Angoulême"


@pytest.mark.parametrize("corrected", [True, False], ids=["corrected", "removed"])
def test_a_file_does_not_bring_back_an_address_that_staff_dropped(corrected):
    bring(ROW)
    with Transaction() as session:
        zoe = person(session)
        if corrected:
            wish = {"address": "zoe.nguyen@example.org"}
            contacts.correct(session, zoe.id, zoe.emails[0].id, by=None, at=NOW, **wish)
        else:
            contacts.remove(session, zoe.id, zoe.emails[0].id, by=None, at=NOW)

    with Transaction() as session:
        foreseen = check(session, ROW)
        assert (foreseen.emails_withheld, foreseen.counts["unchanged"]) == (1, 1)
    done = bring(ROW)

    assert (done.emails_withheld, done.counts["unchanged"]) == (1, 1)
    with Transaction() as session:
        held = [each.address for each in person(session).emails]
        assert held == (["zoe.nguyen@example.org"] if corrected else [])
        assert sign_in_links.owner(session, "zoe@example.org") is None
        assert "zoe@" not in str(session.execute(text("select * from dropped_emails")).all())


def test_staff_who_write_a_dropped_address_down_again_have_it_and_files_too():
    bring(ROW)
    with Transaction() as session:
        zoe = person(session)
        contacts.remove(session, zoe.id, zoe.emails[0].id, by=None, at=NOW)
    with Transaction() as session:
        contacts.add(session, zoe.id, address="Zoe@example.org", by=None, at=NOW)

    done = bring(ROW)

    assert (done.emails_withheld, done.counts["unchanged"]) == (0, 1)
    with Transaction() as session:
        assert [each.address for each in person(session).emails] == ["zoe@example.org"]
        assert session.scalar(text("select count(*) from dropped_emails")) == 0


def test_control_without_its_memory_a_file_brings_a_dropped_address_back(monkeypatch):
    monkeypatch.setattr(enrolments, "withheld", lambda enrolment, person: set())
    bring(ROW)
    with Transaction() as session:
        zoe = person(session)
        contacts.remove(session, zoe.id, zoe.emails[0].id, by=None, at=NOW)

    bring(ROW)

    with Transaction() as session:
        assert sign_in_links.owner(session, "zoe@example.org").id == zoe.id


def test_english_headers_and_iso_dates_are_read(session):
    header = "Student ID,Last name,First name,Date of birth,Programme,Class year,Email,City,Language"
    check(session, "A-17,O'Connor,Sinéad,1990-02-28,Law,2012,s@example.org,Cork,English", header=header)

    wish = session.scalars(select(ImportRow)).one().wish
    assert wish["born_on"] == "1990-02-28"
    assert wish["locale"] == "en"
    assert wish["family_name"] == "O'Connor"


def test_columns_that_mean_nothing_to_us_are_named(session):
    checked = check(session, ROW + ";Airbus", header=HEADER + ";Employeur")

    assert checked.ignored == ["Employeur"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("72100001", ""), "school_id_missing"),
        (("72100001", "7,21E+07"), "school_id_unreadable"),
        (("72100001", "=1+1"), "school_id_unreadable"),
        (("Zoé", ""), "given_name_missing"),
        (("NGUYEN;Nguyen", ";"), "family_name_missing"),
        (("Zoé", "Zo?"), "name_garbled"),
        (("Zoé", "ZoÃ©"), "name_garbled"),
        (("Zoé", "=cmd|' /C calc'!A0"), "name_unfit"),
        (("Zoé", "Z" * 101), "name_unfit"),
        (("Zoé", "Zo\x07é"), "name_unfit"),
        (("Zoé", "t.me/zoe"), "name_unfit"),
        (("NGUYEN", "NGUYEN 2"), "name_unfit"),
        (("19/01/1944", "31/02/1985"), "born_on_impossible"),
        (("19/01/1944", "19/01/2044"), "born_on_impossible"),
        (("19/01/1944", "19/01/44"), "born_on_impossible"),
        ((";1972;", ";2099;"), "class_year_unreadable"),
        ((";1972;", ";MCMXCIX;"), "class_year_unreadable"),
        ((";1972;", ";1972/1975;"), "class_year_unreadable"),
        ((";1972;", ";;"), "degree_incomplete"),
        (("DUT Informatique", ""), "degree_incomplete"),
        (("zoe@example.org", "pas d'adresse"), "email_unreadable"),
        (("zoe@example.org", "jean@"), "email_unreadable"),
        (("Angoulême", "4242 4242 4242 4242"), "card_number"),
        (("Angoulême", "Angoulême" * 90), "text_too_long"),
        (("Angoulême", "Angoulême;surplus"), "cells_too_many"),
        (("Angoulême", "Angou\x00lême"), "row_damaged"),
        ((";zoe@example.org;Angoulême", ""), "cells_missing"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why_and_stops_no_other(session, change, reason):
    checked = check(session, ROW.replace(*change), ROW.replace("72100001", "72100002"))

    assert reasons(session, checked) == {2: reason}
    assert checked.counts["created"] == 1


@pytest.mark.parametrize("cell", ["Zoé", "DUT Informatique", "zoe@example.org", "Angoulême", "72100001"])
def test_a_cell_full_of_marks_holds_up_nobody(session, cell):
    with soon():
        checked = check(session, ROW.replace(cell, MARKS))

    assert reasons(session, checked) == {2: "text_too_long"}


@pytest.mark.parametrize("header", [f"{HEADER};Remarque", HEADER])
def test_nor_does_one_in_a_column_that_is_not_read_or_in_none(session, header):
    with soon():
        check(session, f"{ROW};{MARKS * 2}", header=header)


def test_the_class_year_of_an_academic_year_is_the_later_one(session):
    check(session, ROW.replace(";1972;", ";1972/1973;"))

    assert session.scalars(select(ImportRow)).one().wish["degree"] == ["DUT Informatique", 1973]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"\r\n\r\n", "column_missing"),
        (b"PK\x03\x04 a workbook", "not_text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_text"),
        ("Nom;Prénom".encode("utf-16"), "encoding_unknown"),
        ("N° étudiant;Nom;Prénom\n1;Nguyen;Zoé".encode("mac-roman") + b"\x81", "encoding_unknown"),
        (HEADER.encode(), "file_empty"),
        ("Prénom;Nom\nZoé;Petit".encode(), "column_missing"),
        ("N° étudiant;Matricule;Nom;Prénom\n1;2;a;b".encode(), "column_twice"),
        (f'{HEADER}\n"1;2'.encode(), "quote_not_closed"),
        (f"{HEADER}\n1;{'x' * 10**6}".encode(), "cell_too_long"),
        (HEADER.encode() + b";" * 200, "columns_too_many"),
        pytest.param(b";" * 6_000_000, "columns_too_many", id="a header of semicolons"),
        pytest.param(f"{HEADER}\n".encode() + b";" * 6_000_000, "columns_too_many", id="a row of semicolons"),
    ],
)
def test_a_file_that_is_no_table_of_people_is_refused_whole(client, officer, content, error):
    file = {"file": (io.BytesIO(content), "people.csv")}

    headers = officer("people.import") | {"Idempotency-Key": "file-of-2026"}
    answer = client.post("/api/v1/directory/imports", data=file, headers=headers)

    assert (answer.status_code, answer.json["code"]) == (422, error)
    with Transaction() as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 0


def test_a_missing_column_is_named_with_those_that_were_found():
    with pytest.raises(sheets.ColumnMissing) as refused:
        sheets.open_sheet(io.BytesIO("Prénom;;Né(e) à\nZoé;;Nice".encode()))

    assert refused.value.facts == {"columns": ["school_id", "family_name"], "found": ["Prénom", "Né(e) à"]}


def test_a_row_of_quotes_and_line_breaks_is_one_row(session):
    checked = check(session, ROW.replace("Angoulême", '"Angou\r\nlême"'), ROW.replace("72100001", "72100002"))

    assert (checked.rows, checked.counts["created"]) == (2, 2)


def test_an_objection_in_the_file_is_one_and_a_blank_is_not():
    header = HEADER + ";Accord contact (O/N)"
    bring(ROW + ";N", ROW.replace("72100001", "72100002") + ";", header=header, informed_by="enrolment form")

    with Transaction() as session:
        cards = {card["person_id"]: card for card in said(session, "person.card")}
        allowed = {
            school_id: {
                each["purpose"]
                for each in cards[str(person(session, school_id).id)]["permissions"]
                if each["allowed"]
            }
            for school_id in ("72100001", "72100002")
        }
    assert allowed == {"72100001": set(), "72100002": {"news", "appeals", "invitations"}}


def test_people_who_were_not_told_are_not_to_be_written_to():
    bring(ROW)

    with Transaction() as session:
        assert not any(each["allowed"] for each in said(session, "person.card")[-1]["permissions"])


def test_a_file_never_overrules_what_a_person_said():
    from services.directory import consents

    header = HEADER + ";Accord contact"
    bring(ROW + ";N", header=header, informed_by="enrolment form")
    with Transaction() as session:
        zoe = person(session).id
        consents.record(
            session,
            zoe,
            purpose="news",
            said="yes",
            wording="News?",
            source="account",
            by=zoe,
            at=NOW + timedelta(1),
        )

    again = bring(ROW + ";N", header=header)

    assert again.counts["unchanged"] == 1
    with Transaction() as session:
        assert {
            each["purpose"] for each in said(session, "person.card")[-1]["permissions"] if each["allowed"]
        } == {"news"}
        assert session.scalar(select(func.count()).select_from(Consent)) == 4


def test_a_killed_import_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(import_runs, "WRITTEN_AT_ONCE", 3)
    lines = [ROW.replace("72100001", f"7210{number:04}") for number in range(10)]
    with Transaction() as session:
        checked = check(session, *lines)
        imports.confirm(session, checked.id, by=None, at=NOW)
    with Transaction() as session:
        assert import_runs.write_some(session, at=NOW) == 3

    with pytest.raises(KeyboardInterrupt), Transaction() as session:
        import_runs.write_some(session, at=NOW)
        raise KeyboardInterrupt
    with Transaction() as session:
        half = session.get(Import, checked.id)
        assert (half.status, half.done, half.counts["created"]) == ("running", 3, 3)

    done, _ = run(checked.id)
    assert (done.status, done.done, done.counts["created"], done.counts["updated"]) == ("done", 10, 10, 0)
    with Transaction() as session:
        assert [card["version"] for card in said(session, "person.card")] == [1] * 10
        assert len(said(session, "import.completed")) == 1


def test_without_its_place_in_the_file_a_run_would_never_end(monkeypatch):
    """The control: the place that moves with the people is what carries a run on."""
    monkeypatch.setattr(import_runs, "WRITTEN_AT_ONCE", 1)
    with Transaction() as session:
        checked = check(session, ROW, ROW.replace("72100001", "72100002"))
        imports.confirm(session, checked.id, by=None, at=NOW)

    for _ in range(2):
        with Transaction() as session:
            import_runs.write_some(session, at=NOW)
            session.execute(text("update imports set done_through = null, done = 0"))
            session.expire_all()

    with Transaction() as session:
        assert person(session, "72100002") is None


def test_two_workers_do_not_write_one_import_twice(monkeypatch):
    monkeypatch.setattr(import_runs, "WRITTEN_AT_ONCE", 2)
    lines = [ROW.replace("72100001", f"7210{number:04}") for number in range(20)]
    with Transaction() as session:
        checked = check(session, *lines)
        imports.confirm(session, checked.id, by=None, at=NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: run(checked.id), range(3)))

    done, _ = run(checked.id)
    assert (done.done, done.counts["created"]) == (20, 20)


def _an_edit_amid_an_import():
    """Staff correct a person while a file about them is written: the versions of the cards, and the city."""
    bring(ROW)
    with Transaction() as session:
        zoe = person(session).id
        checked = check(session, ROW.replace("Zoé", "Zoe"))
        imports.confirm(session, checked.id, by=None, at=NOW)

    with ThreadPoolExecutor(1) as pool:
        with Transaction() as session:
            people.change(session, zoe, by=None, at=NOW, city="Lyon")
            writing = pool.submit(run, checked.id)
            _until_it_waits(writing)
        writing.result(10)
    with Transaction() as session:
        return [card["version"] for card in said(session, "person.card")], person(session).city


def _until_it_waits(writing):
    """Until the worker waits for a lock of ours."""
    waits = text("select exists (select from pg_locks where not granted)")
    for _ in range(1000):
        with database.engine.connect() as connection:
            if writing.done() or connection.execute(waits).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("the import neither ended nor waited")


def test_staff_who_correct_a_person_while_a_file_is_written_have_a_card_of_their_own():
    assert _an_edit_amid_an_import() == ([1, 2, 3], "Lyon")


def test_control_without_the_lock_two_cards_have_one_version(monkeypatch):
    known = enrolments.known
    monkeypatch.setattr(enrolments, "known", lambda session, them, locked=False: known(session, them))

    versions, _ = _an_edit_amid_an_import()

    assert versions == [1, 2, 2]


def test_an_import_that_keeps_failing_is_given_up_with_the_kind_of_error_only(monkeypatch):
    from services.directory import schedule

    with Transaction() as session:
        checked = check(session, ROW)
        imports.confirm(session, checked.id, by=None, at=NOW)
    monkeypatch.setattr(enrolments, "enrol", lambda *a, **k: 1 / 0)

    for _ in range(import_runs.TRIES_MAX):
        with pytest.raises(ZeroDivisionError):
            schedule.write_imports(NOW)

    assert schedule.write_imports(NOW) == 0
    with Transaction() as session:
        failed = session.get(Import, checked.id)
        assert (failed.status, failed.failure) == ("failed", "ZeroDivisionError")
        assert [each["status"] for each in said(session, "import.completed")] == ["failed"]


def test_confirming_again_changes_nothing():
    done = bring(ROW)

    with Transaction() as session:
        again = imports.confirm(session, done.id, by=None, at=NOW + timedelta(hours=1))
        assert (again.status, again.confirmed_at, again.counts["created"]) == ("done", NOW, 1)


def test_refused_rows_come_back_as_they_were_with_formulas_made_harmless(session):
    bad = ROW.replace("19/01/1944", "31/02/1985").replace("Angoulême", '"=HYPERLINK(""http://x"",""y"")"')
    checked = check(session, bad)

    text_fr = refusals.as_csv(checked, refusals.of_import(session, checked.id), locale="fr")

    rows = list(csv.reader(io.StringIO(text_fr.removeprefix("\ufeff")), delimiter=";"))
    assert rows[0][:3] == ["motif", "ligne", "N° étudiant"]
    assert rows[1][:3] == ["La date de naissance n’existe pas.", "2", "72100001"]
    assert rows[1][-1] == '\'=HYPERLINK("http://x","y")'


def test_the_refused_rows_mended_are_taken(session):
    checked = check(session, ROW.replace("19/01/1944", "31/02/1985"))
    text_fr = refusals.as_csv(checked, refusals.of_import(session, checked.id), locale="fr")

    mended = text_fr.replace("31/02/1985", "28/02/1985").encode()
    again = imports.check(session, io.BytesIO(mended), filename="mended.csv", by=None, at=NOW)

    assert (again.counts["created"], again.counts["refused"]) == (1, 0)


def test_what_files_said_is_forgotten_after_a_month():
    written = bring(ROW)
    with Transaction() as session:
        left = check(session, ROW)

    with Transaction() as session:
        import_runs.forget_old(session, at=NOW + timedelta(days=31))

    with Transaction() as session:
        assert session.scalar(select(func.count()).select_from(ImportRow)) == 0
        assert session.get(Import, written.id).counts["created"] == 1
        assert session.get(Import, left.id) is None


def test_a_sheet_says_where_its_columns_are():
    sheet = sheets.open_sheet(io.BytesIO((HEADER + "\n" + ROW).encode()))

    assert sheet.columns["class_year"] == "Année d'obtention"


def test_a_discarded_import_is_never_written_and_its_rows_are_forgotten():
    with Transaction() as session:
        checked = check(session, ROW, ";;;;;;;;")
        imports.discard(session, checked.id, by=None, at=NOW)
        imports.discard(session, checked.id, by=None, at=NOW + timedelta(hours=1))
    with Transaction() as session:
        kept = session.get_one(Import, checked.id)

        assert (kept.status, kept.discarded_at, kept.counts["created"]) == ("discarded", NOW, 1)
        assert session.scalar(select(func.count()).select_from(ImportRow)) == 0
        assert import_runs.write_some(session, at=NOW) == 0
        with pytest.raises(ImportAlreadyDiscarded):
            imports.confirm(session, checked.id, by=None, at=NOW)


def test_a_confirmed_import_can_no_longer_be_discarded():
    done = bring(ROW)

    with Transaction() as session, pytest.raises(ImportAlreadyConfirmed):
        imports.discard(session, done.id, by=None, at=NOW)


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace("Angoulême", "4242 4242 4242 4242"),
        ROW.replace("Zoé", "").replace("zoe@example.org", "4242424242424242"),
        ROW + ";4242-4242-4242-4242",
        "4242424242424242;Nguyen",
    ],
)
def test_a_card_number_in_a_refused_row_is_kept_nowhere_and_not_given_back(session, row):
    checked = check(session, row)
    (refused,) = refusals.of_import(session, checked.id)

    given_back = refusals.as_csv(checked, [refused], locale="fr")

    assert "4242" not in given_back + str(refused.cells) + str(refusals.shown(checked, refused))
    assert "[retiré / removed]" in given_back


def test_a_column_that_is_not_read_keeps_no_card_number_either(session):
    check(session, ROW + ";4242 4242 4242 4242", header=HEADER + ";Remarque")

    kept = session.scalars(select(ImportRow)).one()
    assert (kept.reason, kept.cells[-1]) == (None, "[retiré / removed]")


def test_a_students_number_that_looks_like_a_card_stays_in_a_refused_row(session):
    checked = check(session, ROW.replace("72100001", "4242424242424242").replace("Zoé", ""))

    (refused,) = refusals.of_import(session, checked.id)
    assert refusals.shown(checked, refused)["school_id"] == "4242424242424242"
    assert refusals.shown(checked, refused)["name"] == "NGUYEN"
