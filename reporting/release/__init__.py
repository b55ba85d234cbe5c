"""When a patient sees their report: the policy as data, a decision for each report, what a person holds back."""
