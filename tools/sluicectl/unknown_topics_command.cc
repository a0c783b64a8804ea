#include "tools/sluicectl/unknown_topics_command.h"

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {

int Run(const Session& session, const UnknownTopicsOptions&) {
  constexpr char kCommand[] = "unknown-topics";
  const Console& console = *session.console;
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  using Stub = v1::TelemetryService::StubInterface;
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  const auto list =
      Call<Stub>(*ingress, *stub, &Stub::ListUnknownTopics, v1::ListUnknownTopicsRequest());
  if (!list.ok()) return ReportServiceError(console, kCommand, list.status());
  Table table({{"TOPIC"}, {"SIGHTINGS", true}, {"LAST USED"}, {"CLIENT"}, {"USER"}});
  for (const v1::UnknownTopic& topic : list->unknown_topics()) {
    if (console.json) {
      WriteJson(console, topic);
      continue;
    }
    table.Add({topic.topic(), absl::StrCat(topic.sightings()),
               AgeCell(console, FromProto(topic.last_time())), topic.last_sender().client_id(),
               topic.last_sender().username()});
  }
  if (!console.json) WriteTable(console, table, "no unknown topics");
  return kExitOk;
}

}  // namespace sluice::sluicectl
