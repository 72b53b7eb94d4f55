"""Documented fields of the objects, as words: `name`, `name:type`; `!` is not filterable.

Types that follow from a name (…Id, …Date) are left out; everything else is text.
"""

from __future__ import annotations

_POLICY_FIELDS = "PolicyId PolicyOutcome EvaluationTime:double"
_USER_FIELDS = "UserId Username SessionKey LoginKey SourceIp"
_EVENT_FIELDS = "CreatedDate EventDate EventIdentifier"
_BIG_OBJECT_FIELDS = f"{_EVENT_FIELDS} RelatedEventIdentifier"
_ANOMALY_FIELDS = (
    f"{_EVENT_FIELDS} LastModifiedDate SystemModstamp LastReferencedDate LastViewedDate"
    f" {_POLICY_FIELDS} Score:double SessionKey LoginKey SourceIp Summary:textarea"
)

_PERMISSIONS = (
    "ApiEnabled ApiUserOnly AssignPermissionSets AuthorApex CustomizeApplication"
    " DelegatedTwoFactor EditTask InstallPackaging ManageDataIntegrations ManageUsers"
    " ModifyAllData ModifyMetadata MonitorLoginHistory ResetPasswords ViewAllData ViewAllUsers"
    " ViewAnomalyEvents ViewDataLeakageEvents ViewEventLogFiles ViewRoles ViewSetup"
)

STANDARD_FIELDS = {
    "EventLogFile 0AT": "IsDeleted:boolean CreatedDate CreatedById LastModifiedDate"
    " LastModifiedById SystemModstamp EventType LogDate LogFileLength:double LogFileContentType!"
    " ApiVersion:double Sequence:int Interval LogFileFieldNames! LogFileFieldTypes! LogFile:base64",
    "SetupAuditTrail 0Ym": "Action Section! Display! CreatedDate CreatedById CreatedByContext!"
    " CreatedByIssuer! DelegateUser ResponsibleNamespacePrefix! SystemModstamp!",
    "LoginHistory 0Ya": "UserId LoginTime:datetime LoginType SourceIp! LoginUrl"
    " AuthenticationServiceId LoginGeoId! TlsProtocol CipherSuite OptionsIsGet:boolean"
    " OptionsIsPost:boolean Browser! Platform! Status! Application! ClientVersion! ApiType!"
    " ApiVersion! CountryIso AuthMethodReference! LoginSubType! ForwardedForIp! NetworkId",
    "User 005": "Username Name Email IsActive:boolean UserType ProfileId UserRoleId ManagerId"
    " Department Title CompanyName TimeZoneSidKey FederationIdentifier LastLoginDate"
    " LastPasswordChangeDate CreatedDate LastModifiedDate SystemModstamp",
    "Profile 00e": "Name UserType UserLicenseId CreatedDate LastModifiedDate SystemModstamp",
    "UserRole 00E": "Name DeveloperName CreatedDate SystemModstamp",
    "UserLicense 100": "Name MasterLabel CreatedDate SystemModstamp",
    "ConnectedApplication 0H4": "Name CreatedDate LastModifiedDate SystemModstamp StartUrl"
    " OptionsAllowAdminApprovedUsersOnly:boolean OptionsIsInternal:boolean",
    "ExternalClientApplication 0xI": "DeveloperName MasterLabel CreatedDate LastModifiedDate"
    " SystemModstamp",
    "Report 00O": "Name DeveloperName FolderName OwnerId Format CreatedDate LastModifiedDate"
    " LastRunDate SystemModstamp",
    "PermissionSet 0PS": "Name Label IsOwnedByProfile:boolean ProfileId CreatedDate SystemModstamp "
    + " ".join(f"Permissions{name}:boolean" for name in _PERMISSIONS.split()),
    "PermissionSetAssignment 0Pa": "AssigneeId PermissionSetId ExpirationDate IsActive:boolean"
    " SystemModstamp",
    "ObjectPermissions 110": "ParentId SobjectType PermissionsRead:boolean"
    " PermissionsCreate:boolean PermissionsEdit:boolean PermissionsDelete:boolean",
    "Organization 00D": "Name OrganizationType InstanceName IsSandbox:boolean NamespacePrefix"
    " TimeZoneSidKey LanguageLocaleKey TrialExpirationDate CreatedDate SystemModstamp",
    "ApiAnomalyEventStore 0eR": f"ApiAnomalyEventNumber {_ANOMALY_FIELDS} Operation!"
    " QueriedEntities:textarea RequestIdentifier! RowsProcessed:double!"
    " SecurityEventData:textarea Uri! UserAgent:textarea UserId! Username!",
    "ReportAnomalyEventStore 0Z7": f"ReportAnomalyEventNumber {_ANOMALY_FIELDS} Report:reference"
    " SecurityEventData:textarea UserId! Username!",
    "SessionHijackingEventStore 0kq": f"SessionHijackingEventNumber {_ANOMALY_FIELDS} CurrentIp"
    " CurrentPlatform CurrentScreen CurrentUserAgent:textarea CurrentWindow PreviousIp"
    " PreviousPlatform PreviousScreen PreviousUserAgent:textarea PreviousWindow"
    " SecurityEventData:textarea UserId! Username!",
    "CredentialStuffingEventStore 0lk": f"CredentialStuffingEventNumber {_ANOMALY_FIELDS}"
    " AcceptLanguage LoginType LoginUrl UserAgent:textarea UserId! Username!",
    "GuestUserAnomalyEventStore 0Fz": f"GuestUserAnomalyEventNumber {_ANOMALY_FIELDS}"
    " RequestedEntities:textarea SecurityEventData:textarea SoqlCommands:textarea"
    " TotalControllerEvents:int UserAgent:textarea UserId! Username! UserType",
    "LoginAnomalyEventStore 0Lw": f"LoginAnomalyEventNumber {_ANOMALY_FIELDS}"
    " SecurityEventData:textarea UserId! Username!",
}

BIG_FIELDS = {
    "ApiEvent": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} ActionName AdditionalInfo"
    " ApiType ApiVersion:double Application BotId BotSessionIdentifier Client ConnectedAppId"
    " ElapsedTime:int LoginHistoryId Operation OperationStatus PlannerId Platform QueriedEntities"
    " Query Records RequestIdentifier RowsProcessed:double RowsReturned:double SessionLevel"
    " UserAgent",
    "BulkApiResultEventStore": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS}"
    " LoginHistoryId Query SessionLevel",
    "FileEventStore": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS}"
    " CanDownloadPdf:boolean ContentSize:int DocumentId FileAction FileName FileSource FileType"
    " IsLatestVersion:boolean ProcessDuration:double SessionLevel VersionId VersionNumber",
    "IdentityProviderEventStore": "CreatedDate EventDate EventIdentifier AppId AuthSessionId"
    " ErrorCode HasLogoutUrl:boolean IdentityUsed InitiatedBy SamlEntityUrl SsoType UserId",
    "IdentityVerificationEvent": f"{_EVENT_FIELDS} {_USER_FIELDS} Activity City Country CountryIso"
    " EventGroup Latitude:double Longitude:double LoginHistoryId Policy PostalCode Remarks"
    " ResourceId SessionLevel Status Subdivision VerificationMethod",
    "LightningUriEvent": f"{_BIG_OBJECT_FIELDS} {_USER_FIELDS} AppName ConnectionType DeviceId"
    " DeviceModel DevicePlatform DeviceSessionId Duration:double EffectivePageTime:double"
    " EffectivePageTimeDeviationErrorType EffectivePageTimeDeviationReason"
    " HasEffectivePageTimeDeviation:boolean Operation OsName OsVersion PageStartTime:datetime"
    " PageUrl PreviousPageAppName PreviousPageEntityId PreviousPageEntityType PreviousPageUrl"
    " QueriedEntities RecordId SdkAppType SdkAppVersion SdkVersion SessionLevel UserAgent"
    " UserType",
    "ListViewEvent": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} AppName ColumnHeaders"
    " DeveloperName EventSource ExecutionIdentifier FilterCriteria ListViewId LoginHistoryId Name"
    " NumberOfColumns:int OrderBy OwnerId QueriedEntities Records RowsProcessed:double Scope"
    " Sequence:int SessionLevel",
    "LoginAsEvent": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} Application Browser"
    " DelegatedOrganizationId DelegatedUsername LoginAsCategory LoginHistoryId LoginType Platform"
    " SessionLevel TargetUrl UserType",
    "LoginEvent": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} AdditionalInfo ApiType"
    " ApiVersion Application AuthMethodReference AuthServiceId Browser CipherSuite City"
    " ClientVersion Country CountryIso ForwardedForIp HttpMethod HttpReferer LoginGeoId"
    " LoginHistoryId LoginLatitude:double LoginLongitude:double LoginSubType LoginType LoginUrl"
    " NetworkId Platform PostalCode RemoteIdentifier SessionLevel Status Subdivision TlsProtocol"
    " UserType",
    "LogoutEvent": f"{_EVENT_FIELDS} {_USER_FIELDS} SessionLevel",
    "PermissionSetEventStore": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} EventSource"
    " HasExternalUsers:boolean ImpactedUserIds LoginHistoryId Operation ParentIdList"
    " ParentNameList PermissionExpiration:datetime PermissionExpirationList PermissionList"
    " PermissionType SessionLevel UserCount",
    "ReportEvent": f"{_BIG_OBJECT_FIELDS} {_POLICY_FIELDS} {_USER_FIELDS} ActionName BotId"
    " BotSessionIdentifier ColumnHeaders DashboardId DashboardName Description"
    " DisplayedFieldEntities EventSource ExecutionIdentifier ExportFileFormat Format"
    " GroupedColumnHeaders IsScheduled:boolean LoginHistoryId Name NumberOfColumns:int Operation"
    " OwnerId PlannerId QueriedEntities Records ReportId RowsProcessed:double Scope Sequence:int"
    " SessionLevel",
    "UriEvent": f"{_BIG_OBJECT_FIELDS} {_USER_FIELDS} Message Name Operation OperationStatus"
    " QueriedEntities RecordId SessionLevel UserType",
}

_EVENT_LOG_FIELDS = (
    "Timestamp:datetime RequestIdentifier SessionKey LoginKey RunTime:double CpuTime:double"
)

LOG_FIELDS = {
    "ApiTotalUsageEventLog": "Timestamp:datetime RequestIdentifier ApiFamily ApiResource"
    " ApiVersion ClientIp ClientName ConnectedAppIdentifier CountsAgainstApiLimit EntityName"
    " HttpMethod StatusCode UserIdentifier Username",
    "LoginEventLog": f"{_EVENT_LOG_FIELDS} ApiType ApiVersion:int BrowserType CipherSuite ClientIp"
    " CountryCode ForwardedForIp LoginStatus LoginSubType LoginType SourceIp Uri UserIdentifier"
    " UserType Username",
}

TOKEN_FIELDS = {
    "OauthToken": "AccessToken! AppMenuItemId AppName CreatedDate DeleteToken!"
    " LastUsedDate RequestToken! UseCount:int UserId",
}
