"""The law as pure functions: late fee, deadlines, deferral, identifiers.

No I/O, no clock: every date, "today" included, is a parameter. Money is ``Decimal`` yuan.
"""
