"""Records that stand in a file of eight quoted columns and are none: each with what is wrong."""

BAD_RECORDS = {
    "short": (b'"Login","20260301"\n', "2 columns instead of 8"),
    "long": (b'"Login",' * 9 + b'"x"\n', "10 columns instead of 8"),
    "text after a quote": (b'"Login","a"b","c"\n', "text after a closing quote"),
    "two quotes too many": (b'"Login","a"b"c","d"\n', "text after a closing quote"),
    "a quote forgotten": (b'"Login","a\n', "text after a closing quote"),
    "lines after a quote": (b'"Login","a"b\nmore ""text""\n","d"\n', "text after a closing quote"),
    "a lone return": (b"Login\r20260301,x\n", "a carriage return outside of quotes"),
    "no UTF-8": (b'"Login","\xff\xfe"\n', "2 columns instead of 8"),
}
