#include "tools/sluicectl/series_command.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/pages.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

using Stub = v1::AnalyticsService::StubInterface;

std::string WithUnit(const v1::Series& series, double value) {
  return absl::StrCat(FormatStatistic(value), series.unit().empty() ? "" : " ", series.unit());
}

Cell AnomaliesCell(const v1::Series& series) {
  return Cell(absl::StrCat(series.anomaly_count()),
              series.anomaly_count() > 0 ? Tone::kWarning : Tone::kPlain);
}

}  // namespace

int Run(const Session& session, const SeriesListOptions& options) {
  constexpr char kCommand[] = "series list";
  const Console& console = *session.console;
  const auto analytics = FindEndpoint(session, ServiceName::kAnalytics);
  if (!analytics.ok()) return ReportServiceError(console, kCommand, analytics.status());
  const auto stub = v1::AnalyticsService::NewStub(analytics->channel);
  Table table({{"DEVICE"},
               {"METRIC"},
               {"LAST", true},
               {"UNIT"},
               {"Z", true},
               {"MEAN", true},
               {"STDDEV", true},
               {"MIN", true},
               {"MAX", true},
               {"SAMPLES", true},
               {"ANOMALIES", true},
               {"LAST SAMPLE"}});
  const auto fetch = [&](int32_t page_size,
                         const std::string& token) -> absl::StatusOr<std::string> {
    v1::ListSeriesRequest request;
    request.set_device_id(options.device);
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto page = Call<Stub>(*analytics, *stub, &Stub::ListSeries, request);
    if (!page.ok()) return page.status();
    for (const v1::Series& series : page->series()) {
      if (console.json) {
        WriteJson(console, series);
        continue;
      }
      const v1::WindowStatistics& window = series.window();
      table.Add({series.device_id(), series.metric(), FormatStatistic(series.last_value()),
                 series.unit(), FormatStatistic(series.last_z_score()),
                 FormatStatistic(window.mean()), FormatStatistic(window.standard_deviation()),
                 FormatStatistic(window.min()), FormatStatistic(window.max()),
                 absl::StrCat(series.sample_count()), AnomaliesCell(series),
                 AgeCell(console, FromProto(series.last_sample_time()))});
    }
    return page->next_page_token();
  };
  const auto next = FetchPages(options.page, fetch);
  if (!console.json && next.ok()) WriteTable(console, table, "no series");
  if (!next.ok()) return ReportServiceError(console, kCommand, next.status());
  return ReportNextPage(console, kCommand, *next);
}

int Run(const Session& session, const SeriesGetOptions& options) {
  constexpr char kCommand[] = "series get";
  const Console& console = *session.console;
  const auto analytics = FindEndpoint(session, ServiceName::kAnalytics);
  if (!analytics.ok()) return ReportServiceError(console, kCommand, analytics.status());
  const auto stub = v1::AnalyticsService::NewStub(analytics->channel);
  v1::GetSeriesRequest request;
  request.set_device_id(options.device);
  request.set_metric(options.metric);
  const auto series = Call<Stub>(*analytics, *stub, &Stub::GetSeries, request);
  if (!series.ok()) return ReportServiceError(console, kCommand, series.status());
  if (console.json) {
    WriteJson(console, *series);
    return kExitOk;
  }
  const v1::WindowStatistics& window = series->window();
  WriteFields(console,
              {{"device", series->device_id()},
               {"metric", series->metric()},
               {"last value", absl::StrCat(FormatNumber(series->last_value()),
                                           series->unit().empty() ? "" : " ", series->unit())},
               {"last sample", TimeAndAge(console, FromProto(series->last_sample_time()))},
               {"last z-score", FormatStatistic(series->last_z_score())},
               {"samples", absl::StrCat(series->sample_count())},
               {"anomalies", AnomaliesCell(*series)},
               {"window",
                absl::StrCat(window.size_samples(), " of ", window.capacity_samples(), " samples")},
               {"mean", WithUnit(*series, window.mean())},
               {"std. deviation", WithUnit(*series, window.standard_deviation())},
               {"min", WithUnit(*series, window.min())},
               {"max", WithUnit(*series, window.max())}});
  return kExitOk;
}

}  // namespace sluice::sluicectl
