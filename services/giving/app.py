"""Giving's application: the list of its nouns."""

from flask import Flask

from services.giving import (
    account_statements,
    activity,
    books,
    campaigns,
    closing_checks,
    closings,
    daily_receipts,
    dashboards,
    disputes,
    donation_exports,
    donation_records,
    donation_totals,
    donations,
    drafts,
    entities,
    fec_exports,
    findings,
    funds,
    gift_links,
    journal_exports,
    journals,
    launches,
    ledger_accounts,
    my_donations,
    paths,
    payouts,
    reconciliations,
    refund_approvals,
    refund_desk,
    refunds,
    settings,
    surplus_refunds,
    surpluses,
    trial_balances,
    walls,
    webhooks,
)
from services.giving.models import database
from shared.service import create_service

NOUNS = (
    campaigns,
    drafts,
    launches,
    walls,
    dashboards,
    activity,
    donations,
    donation_records,
    donation_totals,
    donation_exports,
    my_donations,
    refunds,
    refund_approvals,
    refund_desk,
    disputes,
    surpluses,
    surplus_refunds,
    gift_links,
    entities,
    funds,
    findings,
    reconciliations,
    books,
    ledger_accounts,
    trial_balances,
    account_statements,
    journals,
    journal_exports,
    fec_exports,
    daily_receipts,
    payouts,
    closing_checks,
    closings,
)


def create_app(told: settings.GivingSettings | None = None) -> Flask:
    """The application; without settings, as the environment tells them."""
    told = settings.use(told) if told else settings.load()
    database.connect(told.database_url, pool_size=told.database_pool_size)
    blueprints = [*(noun.routes for noun in NOUNS), webhooks.routes]
    return create_service(
        "giving",
        told,
        blueprints=blueprints,
        database=database,
        steps=paths.steps,
        for_staff=findings.for_staff,
    )
