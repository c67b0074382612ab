"""What every table shares: the root class and the columns all of them have."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import Date, DateTime, LargeBinary, Numeric, Text, Time, func
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Money = Numeric(15, 2)


class Base(DeclarativeBase):
    """Root of every table."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        Decimal: Money,
        date: Date,
        time: Time,
        datetime: DateTime(timezone=True),
        uuid.UUID: UUID(as_uuid=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        bytes: LargeBinary,
        str: Text,
    }


def id_column() -> Mapped[uuid.UUID]:
    """A primary key given by the program."""
    return mapped_column(primary_key=True, default=uuid.uuid4)


def now_column() -> Mapped[datetime]:
    """An instant that the database sets to its own clock when the row is made."""
    return mapped_column(server_default=func.now())
