"""What the configuration says of users, whatever their orgs say."""

from __future__ import annotations

from collector.directory.user_claims import UserClaims
from collector.settings.settings_model import SettingsModel
from collector.settings.values import TextLine


class UserClaimsSettings(SettingsModel):
    """Users by username, id or glob: who is an admin, as whom a program acts, and who is not."""

    admins: tuple[TextLine, ...] = ()
    not_admins: tuple[TextLine, ...] = ()
    integration_users: tuple[TextLine, ...] = ()
    not_integration_users: tuple[TextLine, ...] = ()

    def build_claims(self) -> UserClaims:
        """The same for the directory."""
        return UserClaims(
            admins=self.admins,
            not_admins=self.not_admins,
            integration_users=self.integration_users,
            not_integration_users=self.not_integration_users,
        )
