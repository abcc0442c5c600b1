# SPDX-License-Identifier: ISC
"""As much of libpq as tests need: text in, text out."""
import ctypes
import ctypes.util

_pq = ctypes.CDLL(ctypes.util.find_library("pq"))
for _name, _result, _arguments in (
        ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
        ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQfinish", None, [ctypes.c_void_p]),
        ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
        ("PQexecParams", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p,
                                           ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p, ctypes.c_void_p,
                                           ctypes.c_int]),
        ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQresultErrorField", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
        ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
        ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
        ("PQgetisnull", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQgetvalue", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQclear", None, [ctypes.c_void_p])):
    _function = getattr(_pq, _name)
    _function.restype, _function.argtypes = _result, _arguments

CONNECTION_OK, COMMAND_OK, TUPLES_OK = 0, 1, 2


class DatabaseError(Exception):
    def __init__(self, state, text):
        super().__init__(f"{state}: {text}")
        self.state = state


class Connection:
    def __init__(self, conninfo):
        self.pq = _pq.PQconnectdb(conninfo.encode())
        if _pq.PQstatus(self.pq) != CONNECTION_OK:
            raise DatabaseError("08001", _pq.PQerrorMessage(self.pq).decode())

    def close(self):
        _pq.PQfinish(self.pq)

    def ask(self, sql, *values):
        """The rows of one statement, each a list of texts; None for NULL."""
        texts = (ctypes.c_char_p * len(values))(*(None if v is None else str(v).encode() for v in values))
        result = _pq.PQexecParams(self.pq, sql.encode(), len(values), None, texts, None, None, 0)
        try:
            if _pq.PQresultStatus(result) not in (COMMAND_OK, TUPLES_OK):
                state = _pq.PQresultErrorField(result, ord("C")) or b"?"
                raise DatabaseError(state.decode(), _pq.PQerrorMessage(self.pq).decode().strip())
            return [[None if _pq.PQgetisnull(result, row, column) else _pq.PQgetvalue(result, row, column).decode()
                     for column in range(_pq.PQnfields(result))] for row in range(_pq.PQntuples(result))]
        finally:
            _pq.PQclear(result)
