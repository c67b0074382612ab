"""The staging table of each kind of file, and the questions put to it before anything is taken."""

# ruff: noqa: S608 - nothing from outside stands in these statements, they are put together from constants here.

from __future__ import annotations

from dataclasses import dataclass

from store.importer.columns import Kind

TABLE = "import_row"


@dataclass(frozen=True, slots=True)
class Check:
    """A query for rows that must not be taken: gives (line, other line or ``None``); the reason goes to ``column``."""

    column: str
    reason_zh: str
    sql: str

    def counted(self) -> str:
        """The query for the first ``:cap`` rows by line, each with the number of all."""
        return f"select line, other, count(*) over () from ({self.sql}) as bad (line, other) order by line limit :cap"


@dataclass(frozen=True, slots=True)
class Staging:
    """How a kind is staged, checked and taken.

    Attributes:
        columns: the staging table's columns with their types.
        checks: every one must come back empty.
        unchanged: counts the rows that are there already.
        inserts: take the new ones; the first statement's row count is the number of new rows.
        after: what follows from them; its row count is the number of bills settled. Empty for nothing.
    """

    columns: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]
    unchanged: str
    inserts: tuple[str, ...]
    after: str = ""


def _twice(column: str, key: str) -> Check:
    return Check(
        column,
        "与第 {other} 行重复。",
        f"""select line, first from (select line, first_value(line) over w as first from {TABLE}
            window w as (partition by {key} order by line)) as seen where line > first""",
    )


def _changed(column: str, join: str, difference: str) -> Check:
    return Check(
        column,
        "与已有记录不同。导入不会修改已有记录，请核对。",
        f"select s.line, null::integer from {TABLE} as s {join} where {difference}",
    )


_TAXPAYER = "join taxpayer as t on t.identifier_hash = s.identifier_hash"
_CONTACT = f"{_TAXPAYER} left join contact as c on c.taxpayer_id = t.id and c.is_primary"
_BILL = "join bill as b on b.bill_no = s.bill_no"
_BILL_OWNER = f"{_BILL} join taxpayer as t on t.id = b.taxpayer_id"
_PAYMENT = "join payment as p on p.payment_no = s.payment_no"
_PAYMENT_BILL = f"{_PAYMENT} join bill as b on b.id = p.bill_id"

STAGING: dict[Kind, Staging] = {
    Kind.TAXPAYERS: Staging(
        columns=(
            ("line", "integer"),
            ("identifier_hash", "bytea"),
            ("name", "text"),
            ("kind", "text"),
            ("region", "text"),
            ("identifier_kind", "text"),
            ("identifier_enc", "bytea"),
            ("identifier_mask", "text"),
            ("contact_name", "text"),
            ("phone_hash", "bytea"),
            ("phone_enc", "bytea"),
            ("phone_mask", "text"),
            ("industry", "text"),
            ("size", "text"),
        ),
        checks=(
            _twice("identifier", "identifier_hash"),
            _changed("name", _TAXPAYER, "t.name <> s.name"),
            _changed("kind", _TAXPAYER, "t.kind <> s.kind"),
            _changed("region", _TAXPAYER, "t.region <> s.region"),
            _changed("contact", _CONTACT, "s.phone_hash = c.phone_hash and c.name <> s.contact_name"),
            _changed(
                "phone", _CONTACT, "s.phone_hash is not null and c.phone_hash is distinct from s.phone_hash"
            ),
            _changed("industry", _TAXPAYER, "t.industry <> s.industry"),
            _changed("size", _TAXPAYER, "t.size <> s.size"),
        ),
        unchanged=f"select count(*) from {TABLE} as s {_TAXPAYER}",
        inserts=(
            f"""insert into taxpayer (id, kind, name, region, identifier_kind, identifier_enc, identifier_hash,
                                      identifier_mask, industry, size)
                select gen_random_uuid(), s.kind, s.name, s.region, s.identifier_kind, s.identifier_enc,
                       s.identifier_hash, s.identifier_mask, s.industry, s.size
                  from {TABLE} as s
                 where not exists (select from taxpayer as t where t.identifier_hash = s.identifier_hash)
                 order by s.line""",
            f"""insert into contact (id, taxpayer_id, role, name, phone_enc, phone_hash, phone_mask, is_primary)
                select gen_random_uuid(), t.id, case t.kind when 'person' then '本人' else '联系人' end,
                       s.contact_name, s.phone_enc, s.phone_hash, s.phone_mask, true
                  from {TABLE} as s {_TAXPAYER}
                 where s.phone_hash is not null
                   and not exists (select from contact as c where c.taxpayer_id = t.id and c.is_primary)
                 order by s.line""",
            f"""update taxpayer as t
                   set industry = coalesce(t.industry, s.industry), size = coalesce(t.size, s.size)
                  from {TABLE} as s
                 where t.identifier_hash = s.identifier_hash
                   and ((t.industry is null and s.industry is not null) or (t.size is null and s.size is not null))""",
        ),
    ),
    Kind.BILLS: Staging(
        columns=(
            ("line", "integer"),
            ("bill_no", "text"),
            ("identifier_hash", "bytea"),
            ("tax_type", "text"),
            ("period", "text"),
            ("principal", "numeric(15, 2)"),
            ("due_date", "date"),
            ("nominal_due", "date"),
        ),
        checks=(
            _twice("bill_no", "bill_no"),
            Check(
                "identifier",
                "没有登记这个纳税人，请先导入纳税人。",
                f"""select s.line, null::integer from {TABLE} as s
                     where not exists (select from taxpayer as t where t.identifier_hash = s.identifier_hash)""",
            ),
            _changed("identifier", _BILL_OWNER, "t.identifier_hash <> s.identifier_hash"),
            _changed("tax_type", _BILL, "b.tax_type <> s.tax_type"),
            _changed("period", _BILL, "b.period <> s.period"),
            _changed("principal", _BILL, "b.principal <> s.principal"),
            _changed("due_date", _BILL, "b.due_date <> s.due_date"),
            _changed(
                "nominal_due",
                _BILL,
                "s.nominal_due is not null and b.nominal_due is distinct from s.nominal_due",
            ),
        ),
        unchanged=f"select count(*) from {TABLE} as s {_BILL}",
        inserts=(
            f"""insert into bill (id, bill_no, taxpayer_id, tax_type, period, principal, due_date, nominal_due)
                select gen_random_uuid(), s.bill_no, t.id, s.tax_type, s.period, s.principal, s.due_date,
                       s.nominal_due
                  from {TABLE} as s {_TAXPAYER}
                 where not exists (select from bill as b where b.bill_no = s.bill_no)
                 order by s.line""",
        ),
    ),
    Kind.PAYMENTS: Staging(
        columns=(
            ("line", "integer"),
            ("payment_no", "text"),
            ("bill_no", "text"),
            ("paid_on", "date"),
            ("amount", "numeric(15, 2)"),
            ("money", "text"),
            ("channel", "text"),
        ),
        checks=(
            _twice("payment_no", "payment_no"),
            Check(
                "bill_no",
                "没有这张税单，请先导入税单。",
                f"""select s.line, null::integer from {TABLE} as s
                     where not exists (select from bill as b where b.bill_no = s.bill_no)""",
            ),
            Check(
                "paid_on",
                "比税单的缴款期限早了三年以上，请核对年份。",
                f"""select s.line, null::integer from {TABLE} as s {_BILL}
                     where s.paid_on < b.due_date - interval '3 years'""",
            ),
            _changed("bill_no", _PAYMENT_BILL, "b.bill_no <> s.bill_no"),
            _changed("paid_on", _PAYMENT, "p.paid_on <> s.paid_on"),
            _changed("amount", _PAYMENT, "p.amount <> s.amount"),
            _changed("channel", _PAYMENT, "p.channel <> s.channel"),
            _changed("money", _PAYMENT, "p.kind <> s.money"),
        ),
        unchanged=f"select count(*) from {TABLE} as s {_PAYMENT}",
        inserts=(
            f"""insert into payment (id, payment_no, bill_id, paid_on, amount, kind, channel)
                select gen_random_uuid(), s.payment_no, b.id, s.paid_on, s.amount, s.money, s.channel
                  from {TABLE} as s {_BILL}
                 where not exists (select from payment as p where p.payment_no = s.payment_no)
                 order by s.line""",
        ),
        # A disputed bill stays disputed though paid: the dispute is still to be answered.
        after=f"""update bill as b set status = 'settled'
                   where b.status = 'open' and b.bill_no in (select bill_no from {TABLE})
                     and b.principal <= (select coalesce(sum(p.amount), 0) from payment as p
                                          where p.bill_id = b.id and p.kind = 'tax')""",
    ),
}
