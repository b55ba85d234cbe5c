"""Addresses of signing in and out, and of one's own account."""

from django.urls import path

from ris.kernel.api import IdRouter

from . import pages
from .delegation import pages as delegation
from .delegation.api import DelegationViewSet
from .login import lock_pages as lock
from .login import pages as login
from .login import token_pages as tokens
from .practitioners import pages as practitioners
from .practitioners.api import PractitionerViewSet
from .providers import pages as providers
from .providers.api import RoleMappingViewSet

app_name = "people"

router = IdRouter()
router.register("practitioners", PractitionerViewSet, basename="practitioner")
router.register("delegations", DelegationViewSet)
router.register("role-mappings", RoleMappingViewSet)

urlpatterns = [
    path("", pages.home, name="home"),
    path("login/", login.login, name="login"),
    path("logout/", login.logout, name="logout"),
    path("profile/", pages.profile, name="profile"),
    path("profile/sessions/", login.sessions, name="sessions"),
    path("profile/sessions/end/", login.end_other_sessions, name="end-other-sessions"),
    path("profile/sessions/<int:session_id>/end/", login.end_one_session, name="end-session"),
    path("profile/sessions/providers/<int:account_id>/disconnect/", providers.disconnect, name="disconnect-provider"),
    path("role-mappings/", providers.role_mappings, name="role-mappings"),
    path("role-mappings/<int:mapping_id>/remove/", providers.remove, name="remove-role-mapping"),
    path("profile/tokens/", tokens.tokens, name="tokens"),
    path("profile/tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke-token"),
    path("profile/pin/", lock.pin, name="pin"),
    path("lock/", lock.lock_page, name="lock"),
    path("lock/now/", lock.lock_now, name="lock-now"),
    path("lock/seen/", lock.seen, name="lock-seen"),
    path("lock/state/", lock.state, name="lock-state"),
    path("lock/unlock/", lock.unlock_session, name="unlock"),
    path("lock/passkey/", lock.passkey_options, name="unlock-passkey"),
    path("lock/login/", lock.login_over, name="login-over"),
    path("profile/delegations/", delegation.delegations, name="delegations"),
    path("profile/delegations/stop/", delegation.stop, name="stop-acting"),
    path("profile/delegations/<int:delegation_id>/act/", delegation.act, name="act-for"),
    path("profile/delegations/<int:delegation_id>/revoke/", delegation.revoke, name="revoke-delegation"),
    path("profile/theme/", pages.theme, name="theme"),
    path("alarms/", pages.alarms, name="alarms"),
    path("alarms/deliveries/<int:delivery_id>/retry/", pages.retry_delivery, name="retry-delivery"),
    path("address-book/", practitioners.address_book, name="address-book"),
    path("address-book/<int:practitioner_id>/", practitioners.practitioner, name="practitioner"),
    path("address-book/<int:practitioner_id>/correct/", practitioners.correct, name="correct-practitioner"),
    path("address-book/<int:practitioner_id>/link/", practitioners.link, name="link-practitioner"),
    path("address-book/<int:practitioner_id>/merge/", practitioners.merge, name="merge-practitioner"),
    path("address-book/<int:practitioner_id>/retire/", practitioners.retire, name="retire-practitioner"),
]
api_patterns = router.urls
