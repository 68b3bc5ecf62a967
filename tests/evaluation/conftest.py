"""Fixtures of the report: the sample evaluation, written once."""

import pytest

from gsim_env.evaluation.report.page import write_html_report
from gsim_env.evaluation.report.results import EvaluationResults
from tests.evaluation.sample_report import make_calls, make_document


@pytest.fixture(scope="session")
def results():
    return EvaluationResults.model_validate(make_document())


@pytest.fixture(scope="session")
def calls():
    return make_calls()


@pytest.fixture(scope="session")
def report(results, calls, tmp_path_factory):
    return write_html_report(results, calls, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def html(report):
    return report.read_text(encoding="utf-8")
