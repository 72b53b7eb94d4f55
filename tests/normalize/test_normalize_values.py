"""What the canonical columns say, trap by trap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

LONG = "0055f00000HyJSwAAN"
SHORT = "0055f00000HyJSw"
NOMINAL = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)
MOMENT = datetime(2026, 3, 1, 5, 7, 7, 130_000, tzinfo=UTC)
V4 = f"{'0' * 20}ffff"
V6 = "20010db8000000000000000000000001"


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("TIMESTAMP_DERIVED", "2026-03-01T05:07:07.130Z"),
        ("TIMESTAMP_DERIVED", "2026-03-01T05:07:07.13+00:00"),
        ("TIMESTAMP_DERIVED", "2026-03-01T07:07:07.130+0200"),
        ("TIMESTAMP_DERIVED", "2026-03-01 05:07:07.130"),
        ("TIMESTAMP", "20260301050707.130"),
        ("TIMESTAMP", "20260301050707.13"),
        ("TIMESTAMP", "2026-03-01 05:07:07.130"),
        ("EventDate", "2026-03-01T05:07:07.130+0000"),
        ("LoginTime", "2026-03-01T05:07:07.130+0000"),
        ("CreatedDate", "2026-03-01T05:07:07.130+0000"),
    ],
)
def test_every_way_of_writing_a_time_is_the_same_moment(normalizer, column, text):
    assert normalizer.normalize_record("AnythingNew", **{column: text})["time"] == MOMENT


@pytest.mark.parametrize("text", ["20260301050707", "20260301050707.", "20260301050707.0"])
def test_a_stamp_may_lack_its_fraction(normalizer, text):
    assert normalizer.normalize_record("Login", TIMESTAMP=text)["time"] == MOMENT.replace(
        microsecond=0
    )


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "infinity", "-infinity", "1999-12-31T23:59:59Z", "20261301000000.000", "0"],
)
def test_a_time_that_cannot_be_is_the_nominal_time(normalizer, text):
    event = normalizer.normalize_record("Login", TIMESTAMP_DERIVED=text, EVENT_TYPE="Login")

    assert event["time"] == NOMINAL


def test_an_event_may_be_two_days_ahead_of_our_clock_and_no_more(normalizer):
    soon = RECEIVED + timedelta(days=2)
    late = soon + timedelta(milliseconds=1)

    events = normalizer.normalize_records("ApiEvent", {"EventDate": soon}, {"EventDate": late})

    assert [event["time"] for event in events] == [soon, NOMINAL]


def test_the_stamp_stands_in_where_the_derived_time_is_blank(normalizer):
    event = normalizer.normalize_record(
        "AuraRequest", TIMESTAMP="20260301050707.13", TIMESTAMP_DERIVED=""
    )

    assert event["time"] == MOMENT


def test_an_event_is_known_by_when_it_happened_not_by_when_it_was_written_down(normalizer):
    event = normalizer.normalize_record(
        "ApiEvent", CreatedDate="2026-03-01T06:00:00Z", EventDate="2026-03-01T05:07:07.13Z"
    )

    assert event["time"] == MOMENT


@pytest.mark.parametrize(
    ("record", "user_id"),
    [
        ({"USER_ID": SHORT}, LONG),
        ({"USER_ID": SHORT, "USER_ID_DERIVED": "0055f00000HyJSwXXY"}, "0055f00000HyJSwXXY"),
        ({"USER_ID": SHORT, "USER_ID_DERIVED": ""}, LONG),
        ({"USER_ID": SHORT, "USER_ID_DERIVED": SHORT}, LONG),
        ({"UserId": LONG}, LONG),
        ({"CreatedById": LONG}, LONG),
        ({"USER_ID": "nobody"}, "nobody"),
        ({"USER_ID": "fifteen bytes!!"}, "fifteen bytes!!"),
        ({"USER_ID": ""}, None),
    ],
)
def test_user_ids_have_eighteen_characters_and_supplied_suffixes_are_believed(
    normalizer, record, user_id
):
    assert normalizer.normalize_record("AnythingNew", **record)["user_id"] == user_id


def test_job_and_app_ids_have_eighteen_characters_too(normalizer):
    event = normalizer.normalize_record("BulkApiRequest", JOB_ID=SHORT, CONNECTED_APP_ID=SHORT)

    assert (event["job_id"], event["app_id"], event["raw_JOB_ID"]) == (LONG, LONG, SHORT)


@pytest.mark.parametrize(
    ("record", "source_ip", "key"),
    [
        ({"SOURCE_IP": "192.0.2.1"}, "192.0.2.1", "00000000000000000000ffffc0000201"),
        ({"SOURCE_IP": "Salesforce.com IP", "CLIENT_IP": "192.0.2.1"}, "192.0.2.1", ...),
        ({"SOURCE_IP": "192.0.2.1", "CLIENT_IP": "192.0.2.2"}, "192.0.2.1", ...),
        ({"SOURCE_IP": "", "CLIENT_IP": "192.0.2.1"}, "192.0.2.1", ...),
        ({"CLIENT_IP": "Salesforce.com IP"}, None, None),
        ({"CLIENT_IP": "2001db8ffff"}, None, None),
        ({"CLIENT_IP": "192.0.2.256"}, None, None),
        ({"CLIENT_IP": "192.0.2.01"}, "192.0.2.1", "00000000000000000000ffffc0000201"),
        ({"CLIENT_IP": "010.1.02.003"}, "10.1.2.3", "00000000000000000000ffff0a010203"),
        ({"CLIENT_IP": "192.0.2.1:50123"}, "192.0.2.1", ...),
        ({"CLIENT_IP": "[2001:db8::1]:443"}, "2001:db8::1", ...),
        ({"CLIENT_IP": ' "192.0.2.1" '}, "192.0.2.1", ...),
        ({"SOURCE_IP": "none", "CLIENT_IP": "192.0.2.1"}, "192.0.2.1", ...),
        ({"SOURCE_IP": "0", "CLIENT_IP": "192.0.2.1"}, "192.0.2.1", ...),
        ({"SOURCE_IP": "192.0.2.1:80", "CLIENT_IP": "192.0.2.2"}, "192.0.2.1", ...),
        ({"CLIENT_IP": "192.0.2"}, None, None),
        ({"CLIENT_IP": "192.0.2.1, 10.0.0.1"}, "192.0.2.1", f"{V4}c0000201 {V4}0a000001"),
        ({"CLIENT_IP": "10.0.0.1,192.0.2.1"}, "192.0.2.1", f"{V4}c0000201 {V4}0a000001"),
        ({"CLIENT_IP": "10.0.0.1, 172.16.0.1"}, "10.0.0.1", f"{V4}0a000001 {V4}ac100001"),
        ({"CLIENT_IP": "unknown, ::1, 2001:db8::1"}, "2001:db8::1", f"{V6} {'0' * 31}1"),
        ({"SourceIp": "2001:DB8::1"}, "2001:DB8::1", "20010db8000000000000000000000001"),
        ({"SourceIp": "::ffff:192.0.2.1"}, ..., "00000000000000000000ffffc0000201"),
        ({"SourceIp": "1:2:3:4::5:6:7:8"}, None, None),
        ({"SourceIp": "fe80::1%eth0"}, "fe80::1", "fe800000000000000000000000000001"),
        ({"IP_ADDRESS": "192.0.2.1"}, "192.0.2.1", ...),
        ({"CLIENT_IP": "192.0.2.1."}, "192.0.2.1", f"{V4}c0000201"),
        ({"CLIENT_IP": "192.0.2.1.:443"}, "192.0.2.1", f"{V4}c0000201"),
        ({"CLIENT_IP": "192%2E0%2e2%252E1"}, "192.0.2.1", f"{V4}c0000201"),
        ({"CLIENT_IP": "%5B2001%3Adb8%3A%3A1%5D%3A443"}, "2001:db8::1", ...),
        ({"CLIENT_IP": "10.0.0.1%2C%20192.0.2.1"}, "192.0.2.1", f"{V4}c0000201 {V4}0a000001"),
        ({"CLIENT_IP": "１９２．０。２．１"}, "192.0.2.1", f"{V4}c0000201"),
        ({"CLIENT_IP": "::ffff:192.0.2.1:443"}, "::ffff:192.0.2.1", f"{V4}c0000201"),
        ({"CLIENT_IP": "fe80::1%25"}, "fe80::1", "fe800000000000000000000000000001"),
        ({"SOURCE_IP": "n／a", "CLIENT_IP": "192.0.2.1"}, "192.0.2.1", ...),
    ],
)
def test_only_an_address_is_a_source_address(normalizer, record, source_ip, key):
    event = normalizer.normalize_record("Login", **record)

    assert source_ip is ... or event["source_ip"] == source_ip
    assert key is ... or event["source_ip_key"] == key
    assert (event["source_ip"] is None) == (event["source_ip_key"] is None)


@pytest.mark.parametrize(
    ("record", "user_agent"),
    [
        ({"BROWSER_TYPE": "Go-http-client/1.1"}, "Go-http-client/1.1"),
        ({"BROWSER_TYPE": "Mozilla/5.0 %28X11%3B Linux%29"}, "Mozilla/5.0 (X11; Linux)"),
        ({"BROWSER_TYPE": "100%"}, "100%"),
        ({"BROWSER_TYPE": "bad %ff escape"}, "bad %ff escape"),
        ({"BROWSER_TYPE": "a+b%20c"}, "a+b c"),
        ({"BROWSER_TYPE": "nul%00"}, "nul"),
        ({"USER_AGENT": "5238"}, None),
        ({"USER_AGENT": "9998.0"}, None),
        ({"USER_AGENT": "7zip-like/1.0"}, "7zip-like/1.0"),
        ({"USER_AGENT": "python-requests/2.31"}, "python-requests/2.31"),
        ({"UserAgent": "Salesforce-CLI/1.0"}, "Salesforce-CLI/1.0"),
        ({"CurrentUserAgent": "curl/8", "PreviousUserAgent": "Mozilla/5.0"}, "curl/8"),
        ({"Browser": "Chrome 77"}, None),
        (
            {"HTTP_HEADERS": "Host=a.example,User-Agent=Mozilla/5.0 (X, like Y),Referer=z,"},
            "Mozilla/5.0 (X, like Y)",
        ),
    ],
)
def test_a_user_agent_is_what_the_client_calls_itself(normalizer, record, user_agent):
    assert normalizer.normalize_record("AnythingNew", **record)["user_agent"] == user_agent


@pytest.mark.parametrize(
    "text",
    [
        *("Data Loader", " Data Loader ", '"Data Loader"', "'Data Loader'", "“Data Loader”"),
        *("Data%20Loader", "%22Data Loader%22", "Data\tLoader", "Data\u00a0Loader"),
        *("Data\u200b Loader", "\ufeffData Loader", "Data \u202eLoader", "Da\u00adta Loader"),
        *("Ｄａｔａ Ｌｏａｄｅｒ", "𝐃𝐚𝐭𝐚 𝕃𝕠𝕒𝕕𝕖𝕣", "Data Loader\x7f"),
    ],
)
def test_a_name_is_what_a_person_would_read(normalizer, text):
    logged = normalizer.normalize_record("LoginHistory", Application=text, Browser="x")
    agent = normalizer.normalize_record("Login", BROWSER_TYPE=text)
    client = normalizer.normalize_record("ApiTotalUsage", CLIENT_NAME=text)
    installed = normalizer.normalize_record("PackageInstall", PACKAGE_NAME=text)

    assert (logged["app_name"], logged["Application"]) == ("Data Loader", text)
    assert (agent["user_agent"], agent["BROWSER_TYPE"]) == ("Data Loader", text)
    raw = None if text == "Data Loader" else text
    assert (client["client_name"], client["raw_CLIENT_NAME"]) == ("Data Loader", raw)
    assert (installed["package_name"], installed["raw_PACKAGE_NAME"]) == ("Data Loader", raw)


@pytest.mark.parametrize(
    "text", ["Müller & Söhne", "データローダー", "Boss' app", 'A "B" c', "100%"]
)
def test_a_name_keeps_its_letters(normalizer, text):
    assert normalizer.normalize_record("LoginHistory", Application=text)["app_name"] == text


def test_a_name_of_which_nothing_can_be_seen_is_none(normalizer):
    event = normalizer.normalize_record("Login", BROWSER_TYPE=' "\u3164" ')

    assert (event["user_agent"], event["BROWSER_TYPE"]) == (None, ' "\u3164" ')


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("0", 0),
        ("150000", 150_000),
        ("50000.0", 50_000),
        ("1.0E7", 10_000_000),
        ("9007199254740993", 9_007_199_254_740_993),
        ("-1", None),
        ("-1.0", None),
        ("1.5", None),
        ("many", None),
        ("nan", None),
        ("inf", None),
        ("1e300", None),
        ("", None),
    ],
)
def test_a_count_is_a_whole_number_or_unknown(normalizer, text, records):
    assert normalizer.normalize_record("RestApi", ROWS_PROCESSED=text)["record_count"] == records


@pytest.mark.parametrize(
    "column",
    [
        *("ROWS_PROCESSED", "RECORDS_PROCESSED", "ROW_COUNT", "RowsProcessed", "NUM_ROWS"),
        *("NUMBER_OF_RECORDS", "NUM_RESULTS", "numberRecordsProcessed"),
    ],
)
def test_every_name_for_a_number_of_records_counts(normalizer, column):
    assert normalizer.normalize_record("AnythingNew", **{column: "7"})["record_count"] == 7


def test_a_page_counts_where_salesforce_does_not_know_the_whole(normalizer):
    event = normalizer.normalize_record("ApiEvent", RowsProcessed="-1.0", RowsReturned="2000.0")

    assert event["record_count"] == 2000


@pytest.mark.parametrize(
    ("column", "text", "score"),
    [
        ("Score", "0.855", 85.5),
        ("Score", "0.29", 29.0),
        ("Score", "0.9", 90.0),
        ("Score", "1", 100.0),
        ("Score", "88.7", 100.0),
        ("SCORE", "85.5", 85.5),
        ("SCORE", "0.9", 0.9),
        ("SCORE", "1000", 100.0),
        ("SCORE", "-1", None),
        ("SCORE", "nan", None),
        ("Score", "inf", None),
        ("Score", "high", None),
    ],
)
def test_the_form_of_a_record_decides_on_the_scale_of_its_score(normalizer, column, text, score):
    assert normalizer.normalize_record("ApiAnomalyEventStore", **{column: text})["score"] == score


@pytest.mark.parametrize(
    ("event_type", "record", "outcome", "status"),
    [
        ("Login", {"LOGIN_STATUS": "LOGIN_NO_ERROR"}, "success", "LOGIN_NO_ERROR"),
        ("Login", {"LOGIN_STATUS": "LOGIN_ERROR_X", "REQUEST_STATUS": "S"}, "failure", ...),
        ("Login", {"LOGIN_STATUS": ""}, None, None),
        ("LoginEvent", {"Status": "Success"}, "success", "Success"),
        ("LoginHistory", {"Status": "Invalid Password"}, "failure", "Invalid Password"),
        ("IdentityVerificationEvent", {"Status": "Succeeded"}, "success", ...),
        ("IdentityVerificationEvent", {"Status": "InProgress"}, None, "InProgress"),
        ("IdentityVerificationEvent", {"Status": "FailedInvalidCode"}, "failure", ...),
        ("IdentityVerificationEvent", {"Status": "ReportedDenied"}, "failure", ...),
        ("IdentityProviderEventStore", {"ErrorCode": "AppBlocked"}, "failure", "AppBlocked"),
        ("IdentityProviderEventStore", {"ErrorCode": "Success"}, "success", "Success"),
        ("RestApi", {"REQUEST_STATUS": "S", "STATUS_CODE": "200"}, "success", "200"),
        ("RestApi", {"REQUEST_STATUS": "", "STATUS_CODE": "403"}, "failure", "403"),
        ("RestApi", {"REQUEST_STATUS": "U", "STATUS_CODE": "0"}, None, "0"),
        ("RestApi", {"REQUEST_STATUS": "N"}, "failure", "N"),
        ("ApiTotalUsage", {"STATUS_CODE": "302"}, "success", "302"),
        ("PackageInstall", {"IS_SUCCESSFUL": "1"}, "success", None),
        ("PackageInstall", {"IS_SUCCESSFUL": "false"}, "failure", None),
        ("BulkApi", {"SUCCESS": "0"}, "failure", None),
        ("BulkApi2", {"JOB_STATUS": "JobComplete"}, "success", "JobComplete"),
        ("BulkApi2", {"JOB_STATUS": "complete"}, "success", "complete"),
        ("BulkApi2", {"JOB_STATUS": "inProgress"}, None, "inProgress"),
        ("BulkApi2", {"JOB_STATUS": "Aborted"}, "failure", "Aborted"),
        ("UriEvent", {"OperationStatus": "Initiated"}, None, "Initiated"),
        ("ApiEvent", {"PolicyOutcome": "Block"}, "failure", "Block"),
        ("ApiEvent", {"PolicyOutcome": "Notified"}, None, "Notified"),
        ("InsufficientAccess", {"ACCESS_ERROR": "NO_ACCESS"}, "failure", "NO_ACCESS"),
    ],
)
def test_outcome_is_success_failure_or_unknown_and_status_the_text(
    normalizer, event_type, record, outcome, status
):
    event = normalizer.normalize_record(event_type, **record)

    assert event["outcome"] == outcome
    assert status is ... or event["status"] == status


@pytest.mark.parametrize(
    ("event_type", "record", "column", "value"),
    [
        ("ApexCallout", {"URL": '"https://a.example/"', "URI": "CALLOUT-LOG"}, "uri", ...),
        ("Search", {"SEARCH_QUERY": '"secret"'}, "query", "secret"),
        ("Search", {"SEARCH_QUERY": '"""secret"""'}, "query", '""secret""'),
        ("Search", {"SEARCH_QUERY": '"'}, "query", '"'),
        ("Search", {"SEARCH_QUERY": '""'}, "query", None),
        ("UniqueQuery", {"QUERY_IDENTIFIER": '"SELECT Id FROM Lead"'}, "query", ...),
        ("LoginEvent", {"CountryIso": "US", "Country": "United States"}, "country", "US"),
        ("LoginEvent", {"Country": "United States"}, "country", "United States"),
        ("LoginHistory", {"Application": "Data Loader"}, "app_name", "Data Loader"),
        ("ApiEvent", {"Application": "N/A"}, "app_name", None),
        ("ApiEvent", {"Client": "vendor/app"}, "client_name", "vendor/app"),
        ("ApiTotalUsage", {"CONNECTED_APP_NAME": "Workbench"}, "app_name", "Workbench"),
        ("BulkApi2", {"OPERATION_TYPE": "queryAll"}, "operation", "queryAll"),
        ("Report", {"ORIGIN": "ReportExported"}, "operation", "ReportExported"),
        ("HostnameRedirects", {"ORIGIN": "https://a.example"}, "operation", None),
        ("ContentTransfer", {"TRANSACTION_TYPE": "saveVersion"}, "operation", "saveVersion"),
        ("PlatformEncryption", {"METHOD": "HSM", "ACTION": "TS Exported"}, "operation", ...),
        ("Logout", {"USER_TYPE": "Standard(db=S,api=Standard)"}, "user_type", "Standard"),
        ("UriEvent", {"UserName": "ann@acme.com"}, "user_name", "ann@acme.com"),
        ("GroupMembership", {"MEMBER_ID": SHORT}, "target_user", LONG),
        ("GroupMembership", {"MEMBER_ID": "00G5f00000HyJSw"}, "target_user", None),
        ("PermissionSetEventStore", {"ImpactedUserIds": f'["{LONG}"]'}, "target_user", LONG),
        ("PermissionSetEventStore", {"ImpactedUserIds": f'["{LONG}","x"]'}, "target_user", None),
    ],
)
def test_a_column_takes_the_native_one_that_means_the_same(
    normalizer, event_type, record, column, value
):
    expected = (
        {
            "uri": "https://a.example/",
            "query": "SELECT Id FROM Lead",
            "operation": "TS Exported",
        }[column]
        if value is ...
        else value
    )

    assert normalizer.normalize_record(event_type, **record)[column] == expected


def test_what_was_quoted_twice_stays_so_in_the_native_column(normalizer):
    assert (
        normalizer.normalize_record("Search", SEARCH_QUERY='"secret"')["SEARCH_QUERY"] == '"secret"'
    )


@pytest.mark.parametrize(
    ("event_type", "record", "expected"),
    [
        ("Login", {"LOGIN_TYPE": "i", "LOGIN_SUB_TYPE": "oauthtoken"}, "OAuth User-Agent"),
        ("Login", {"LOGIN_TYPE": "i", "LOGIN_SUB_TYPE": "newflow"}, "newflow"),
        (
            "LoginHistory",
            {"LoginType": "Remote Access 2.0", "LoginSubType": "OAuth Refresh Token"},
            "OAuth Refresh Token",
        ),
        ("LoginEvent", {"LoginType": "Remote Access 2.0"}, None),
    ],
)
def test_how_somebody_logged_in_is_in_one_vocabulary(normalizer, event_type, record, expected):
    event = normalizer.normalize_record(event_type, **record)

    assert (event["login_type"], event["login_sub_type"]) == ("Remote Access 2.0", expected)


def test_the_case_of_a_login_type_matters_and_the_code_stays(normalizer):
    event = normalizer.normalize_record("Login", LOGIN_TYPE="I")

    assert (event["login_type"], event["raw_LOGIN_TYPE"]) == ("Other Apex API", "I")
