#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RESPONSE_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RESPONSE_H_

#include <cstddef>
#include <string>

#include "libs/journal/journal.h"
#include "services/ingress/telemetry/telemetry_filter.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// Makes a v1::SubscribeTelemetryResponse in the form in which it is sent. A record of the journal
// is a serialized v1::Telemetry: it goes into the response as it is, with its offset behind it, and
// is parsed only where the filter has to look into it. One thread at a time.
class TelemetryResponse {
 public:
  // `filter` must outlive it.
  explicit TelemetryResponse(const TelemetryFilter* filter) : filter_(filter) {}

  // Adds the record if it matches.
  void Add(const RecordView& record);

  // How many records could not be parsed, and were left out, since the last Take.
  int unreadable() const { return unreadable_; }

  // The response of what was added and of what `rest` holds; begins the next one.
  std::string Take(const v1::SubscribeTelemetryResponse& rest);

 private:
  const TelemetryFilter* const filter_;
  v1::Telemetry parsed_;
  std::string bytes_;
  size_t usual_bytes_ = 0;  // of the response before
  int unreadable_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RESPONSE_H_
