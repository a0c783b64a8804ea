"""Whether analytics has counted every message once, and every insight is in its journal once."""

import collections

import grpc

from harness import api


def series_of(stub):
    """{(device, metric): (samples, anomalies)}"""
    request, found = api("analytics_service_pb2").ListSeriesRequest(page_size=1000), {}
    while True:
        page = stub.ListSeries(request, timeout=10)
        found.update({(s.device_id, s.metric): (s.sample_count, s.anomaly_count) for s in page.series})
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def insights_of(stub):
    """All that are in the journal now, and how many gaps there are."""
    ask = api("subscription_pb2").CreateSubscriptionRequest()
    ask.subscription.name = "judge"
    ask.start.latest.SetInParent()
    end = stub.CreateSubscription(ask, timeout=10).cursor
    request = api("analytics_service_pb2").SubscribeInsightsRequest()
    request.start.earliest.SetInParent()
    stream, found, gaps, position = stub.SubscribeInsights(request, timeout=20), [], 0, 0
    while position < end:
        response = next(stream)
        found += response.insights
        gaps += len(response.gaps)
        position = response.next_offset
    stream.cancel()
    return found, gaps


def judge(address, samples, wait):
    """What is not as promised, and how many insights there are. `samples()`: how many messages the telemetry journal holds, as the
    cloud has seen them. `wait(condition)` waits for a condition that may never hold, and says whether it does."""
    problems = []
    with grpc.insecure_channel(address) as channel:
        stub = api("analytics_service_pb2_grpc").AnalyticsServiceStub(channel)
        counted = lambda: sum(number for number, _ in series_of(stub).values())  # noqa: E731
        if not wait(lambda: counted() == samples()):
            problems.append(f"analytics has counted {counted()} samples of {samples()} messages")
        insights, gaps = insights_of(stub)
        wanted = {series: anomalies for series, (_, anomalies) in series_of(stub).items() if anomalies}
    if gaps:
        problems.append(f"the journal of insights has {gaps} gaps")
    names = collections.Counter((i.telemetry_journal_id, i.telemetry_offset, i.number) for i in insights)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        problems.append(f"{len(twice)} insights are there twice: {twice[:3]}")
    there = collections.Counter((i.device_id, i.metric) for i in insights)
    wrong = [f"{series}: {there[series]} of {wanted.get(series, 0)}" for series in there.keys() | wanted.keys()
             if there[series] != wanted.get(series, 0)]
    if wrong:
        problems.append(f"insights of {len(wrong)} series are not those that analytics has counted: {wrong[:3]}")
    return problems, len(insights)
