"""Addresses of the reading room, the results and their REST API."""

from django.urls import path

from ris.kernel.api import IdRouter

from . import pages, pages_life, pages_results, services
from .api import CommonView, ItemReportView, PreliminaryView, ReportViewSet, SignView
from .critical import pages as critical_pages
from .critical import receiver_pages
from .critical.api import CommunicationViewSet, CriticalFindingViewSet, CriticalLimitView
from .dictation.api import DictationView
from .drafts import pages as draft_pages
from .drafts.api import HandoverView, TextDraftViewSet
from .followup import pages as follow_up_pages
from .followup.api import FollowUpViewSet
from .models import TextDraft
from .outside import pages as document_pages
from .quality import pages as quality_pages
from .quality.api import (
    PeerFeedbackViewSet,
    PeerReviewViewSet,
    QualityChecksView,
    QualityRatesView,
    TeachingCaseViewSet,
)
from .referrers import pages as referrer_pages
from .referrers.api import HomeView
from .release import pages as release_pages
from .release.api import PatientReleaseView, ReleasePolicyView, ReleasePreviewView, ReleaseStepView
from .residents import pages as resident_pages
from .residents.api import NoticeViewSet, ReturnView
from .search import pages as search_pages
from .search.api import SavedSearchViewSet, SearchView
from .values.api import AlgorithmsView, ComputedView, ElementSetViewSet, FindingsView, ValueViewSet
from .writing import pages as writing_pages
from .writing.api import MacroViewSet, TemplateViewSet, WritingView

app_name = "reporting"

router = IdRouter()
router.register("reports", ReportViewSet, basename="report")
router.register("templates", TemplateViewSet, basename="template")
router.register("macros", MacroViewSet, basename="macro")
router.register("element-sets", ElementSetViewSet, basename="element-set")
router.register("report-values", ValueViewSet, basename="report-value")
router.register("saved-searches", SavedSearchViewSet, basename="saved-search")
router.register("discrepancies", NoticeViewSet, basename="discrepancy")
router.register("critical-findings", CriticalFindingViewSet, basename="critical-finding")
router.register("communications", CommunicationViewSet, basename="communication")
router.register("follow-ups", FollowUpViewSet, basename="follow-up")
router.register("peer-reviews", PeerReviewViewSet, basename="peer-review")
router.register("peer-feedback", PeerFeedbackViewSet, basename="peer-feedback")
router.register("teaching-cases", TeachingCaseViewSet, basename="teaching-case")
router.register("texts", TextDraftViewSet, basename="text")

urlpatterns = [
    path("reading/<int:item_id>/", pages.room, name="room"),
    path("reading/<int:item_id>/images/", pages.open_images, name="images"),
    path("reading/<int:item_id>/standing/", pages.standing, name="standing"),
    path("reading/<int:item_id>/draft/", pages.draft, name="draft"),
    path("reading/<int:item_id>/heartbeat/", pages.heartbeat, name="heartbeat"),
    path("reading/<int:item_id>/sign/", pages.release, {"how": "sign"}, name="sign"),
    path("reading/<int:item_id>/preliminary/", pages.release, {"how": "preliminary"}, name="preliminary"),
    path("reading/<int:item_id>/cover/", pages_life.common, {"how": "cover"}, name="cover"),
    path("reading/<int:item_id>/split-off/", pages_life.common, {"how": "split-off"}, name="split-off"),
    path("reading/<int:item_id>/handover/", draft_pages.handover, name="handover"),
    path("reading/<int:item_id>/texts/", draft_pages.texts, name="texts"),
    *(
        path(f"reading/<int:item_id>/text/{kind}/", draft_pages.text, {"kind": kind}, name=f"text-{kind}")
        for kind in TextDraft.KINDS
    ),
    path("texts/<int:text_id>/close/", draft_pages.close, name="text-close"),
    path("reading/<int:item_id>/return/", resident_pages.send_back, name="return"),
    path("results/discrepancies/", resident_pages.discrepancies, name="discrepancies"),
    path(
        "results/discrepancies/<int:notice_id>/acknowledge/", resident_pages.acknowledge, name="discrepancy-acknowledge"
    ),
    path("reading/<int:item_id>/critical/", critical_pages.state_of_case, name="critical-state"),
    path("reading/<int:item_id>/communication/", critical_pages.communicate, name="communicate"),
    path("critical/", critical_pages.open_loops, name="critical"),
    path("critical/limits/", critical_pages.limits, name="critical-limits"),
    path("critical/told/<int:told_id>/", receiver_pages.told, name="critical-told"),
    path("critical/link/<str:token>/", receiver_pages.link, name="critical-link"),
    path("reading/<int:item_id>/follow-ups/", follow_up_pages.card, name="follow-up-card"),
    path("reading/<int:item_id>/follow-ups/reject/", follow_up_pages.reject, name="follow-up-reject"),
    path(
        "reading/<int:item_id>/follow-ups/<int:follow_up_id>/remove/", follow_up_pages.remove, name="follow-up-remove"
    ),
    path("follow-ups/", follow_up_pages.follow_ups, name="follow-ups"),
    path("follow-ups/<int:follow_up_id>/close/", follow_up_pages.close, name="follow-up-close"),
    path("follow-ups/matches/<int:match_id>/", follow_up_pages.match, name="follow-up-match"),
    path("quality/", quality_pages.quality, name="quality"),
    path("quality/rates/", quality_pages.rates, name="quality-rates"),
    path("quality/checks/", quality_pages.checks, name="quality-checks"),
    path("quality/sample/", quality_pages.sample, name="quality-sample"),
    path("quality/reviews/<int:review_id>/", quality_pages.review, name="quality-review"),
    path("quality/arbitration/<int:review_id>/", quality_pages.arbitration, name="quality-arbitration"),
    path("teaching/", quality_pages.teaching, name="teaching"),
    path("teaching/<int:case_id>/remove/", quality_pages.teaching_remove, name="teaching-remove"),
    path("results/<int:report_id>/feedback/", quality_pages.feedback, name="quality-feedback"),
    path("results/<int:report_id>/review/", quality_pages.take_prior, name="quality-take"),
    path("drafts/", pages_life.drafts, name="drafts"),
    path("results/<int:report_id>/retract/", pages_life.retract, name="retract"),
    path("texts/session/", draft_pages.session, name="session"),
    path("reading/<int:item_id>/writing/", writing_pages.help_for, name="writing"),
    path("reading/<int:item_id>/insert/", writing_pages.insert, name="insert"),
    path("templates/", writing_pages.templates, name="templates"),
    path("templates/new/", writing_pages.template_new, name="template-new"),
    path("templates/import/", writing_pages.templates_import, name="templates-import"),
    path("templates/<int:template_id>/", writing_pages.template, name="template"),
    path("templates/<int:template_id>/mrrt/", writing_pages.template_mrrt, name="template-mrrt"),
    path("macros/", writing_pages.macros, name="macros"),
    path("macros/<int:macro_id>/delete/", writing_pages.macro_delete, name="macro-delete"),
    path("results/", pages_results.results, name="results"),
    path("results/mine/", referrer_pages.home, name="referrer-home"),
    path("results/<int:report_id>/images/", referrer_pages.images, name="result-images"),
    path("reading/<int:item_id>/patient-release/", release_pages.preview, name="release-preview"),
    path("results/release-policy/", release_pages.policy, name="release-policy"),
    *(
        path(f"results/<int:report_id>/patient/{how}/", release_pages.change, {"how": how}, name=f"release-{how}")
        for how in ("hold", "let-go", "give")
    ),
    path("results/search/", search_pages.search, name="search"),
    path("results/searches/", search_pages.save, name="save-search"),
    path("results/searches/<int:search_id>/", search_pages.saved, name="saved-search"),
    path("results/searches/<int:search_id>/forget/", search_pages.forget, name="forget-search"),
    path("results/documents/<int:document_id>/", document_pages.document, name="document"),
    path("results/documents/of/<int:patient_id>/", document_pages.documents, name="documents"),
    path("results/<int:report_id>/", pages_results.result, name="result"),
    path("results/<int:report_id>/prior/", pages_results.prior, name="prior"),
    path("results/<int:report_id>/pdf/", pages_results.pdf, name="pdf"),
    path("results/<int:report_id>/correct/", pages_results.correct, name="correct"),
    path("results/<int:report_id>/addendum/", pages_results.addendum, name="addendum"),
]
api_patterns = [
    path("results/mine/", HomeView.as_view(), name="referrer-home"),
    path("release-policy/", ReleasePolicyView.as_view(), name="release-policy"),
    path("worklist/<int:item_id>/patient-release/", ReleasePreviewView.as_view(), name="item-patient-release"),
    path("reports/<int:report_id>/patient-release/", PatientReleaseView.as_view(), name="report-patient-release"),
    *(
        path(
            f"reports/<int:report_id>/patient-release/{how}/",
            ReleaseStepView.as_view(),
            {"how": how},
            name=f"report-release-{how}",
        )
        for how in ("hold", "let-go", "give")
    ),
    path("worklist/<int:item_id>/report/", ItemReportView.as_view(), name="item-report"),
    path("worklist/<int:item_id>/report/sign/", SignView.as_view(), name="item-sign"),
    path("worklist/<int:item_id>/report/preliminary/", PreliminaryView.as_view(), name="item-preliminary"),
    path("worklist/<int:item_id>/writing/", WritingView.as_view(), name="item-writing"),
    path("worklist/<int:item_id>/ai-findings/", FindingsView.as_view(), name="item-ai-findings"),
    path("worklist/<int:item_id>/computed/", ComputedView.as_view(), name="item-computed"),
    path("worklist/<int:item_id>/dictation/", DictationView.as_view(), name="item-dictation"),
    path("critical-limits/", CriticalLimitView.as_view(), name="critical-limits"),
    path("quality-checks/", QualityChecksView.as_view(), name="quality-checks"),
    path("quality-rates/", QualityRatesView.as_view(), name="quality-rates"),
    path("ai-decisions/", AlgorithmsView.as_view(), name="ai-decisions"),
    path("reports/search/", SearchView.as_view(), name="report-search"),
    path("worklist/<int:item_id>/report/return/", ReturnView.as_view(), name="item-return"),
    path("worklist/<int:item_id>/report/cover/", CommonView.as_view(), name="item-cover"),
    path(
        "worklist/<int:item_id>/report/split-off/",
        CommonView.as_view(service=services.split_off),
        name="item-split-off",
    ),
    path("worklist/<int:item_id>/report/handover/", HandoverView.as_view(), name="item-handover"),
    *router.urls,
]
