#include "tools/fleetsim/workload.h"

#include <algorithm>

namespace sluice::fleetsim {

Workload::Workload(const WorkloadOptions& options, Tally* tally, Ledger* ledger)
    : options_(options),
      signal_(options.signal),
      payload_(options.payload),
      tally_(tally),
      ledger_(ledger),
      plan_(0, 0, 0) {}

int Workload::AddDevice(absl::string_view id, Protocol protocol) {
  ids_.emplace_back(id);
  protocols_.push_back(protocol);
  next_number_.push_back(0);
  return tally_->AddDevice(id, protocol);
}

void Workload::Open(int64_t now_us) {
  plan_ = AnomalyPlan(options_.anomalies, device_count(), options_.signal.seed);
  open_ = true;
  opened_us_ = now_us;
}

bool Workload::IsOpen(int64_t now_us) const {
  return open_ && (options_.max_messages == 0 || sent_ < options_.max_messages) &&
         (options_.duration_us == 0 || now_us - opened_us_ < options_.duration_us);
}

double Workload::ProgressAt(int64_t now_us) const {
  double progress = 0;
  if (options_.duration_us > 0) {
    progress = static_cast<double>(now_us - opened_us_) / static_cast<double>(options_.duration_us);
  }
  if (options_.max_messages > 0) {
    progress =
        std::max(progress, static_cast<double>(sent_) / static_cast<double>(options_.max_messages));
  }
  return std::min(progress, 1.0);
}

int64_t Workload::Begin(int device, int64_t now_us) {
  const int64_t number = next_number_[device]++;
  const bool anomaly = plan_.Plant(device, number, ProgressAt(now_us));
  tally_->Sent(device, now_us, anomaly);
  ++sent_;
  if (ledger_ != nullptr) {
    ledger_->Sent(Entry(device, number, now_us), options_.first_tag + number,
                  Value(device, number, anomaly), anomaly);
  }
  return number;
}

std::string Workload::Value(int device, int64_t number, bool anomaly) const {
  std::string value;
  AppendTagged(signal_.Thousandths(device, number, anomaly), options_.first_tag + number, &value);
  return value;
}

Ledger::Message Workload::Entry(int device, int64_t number, int64_t now_us) const {
  return {ids_[device], number, options_.epoch_us + now_us};
}

void Workload::AppendPayload(int device, int64_t number, std::string* out) const {
  const Tally::Sending sending = tally_->Find(device, number);
  payload_.Append(signal_.Thousandths(device, number, sending.anomaly), options_.first_tag + number,
                  (options_.epoch_us + sending.sent_us) / 1000, out);
}

void Workload::AppendPayloadAgain(int device, int64_t number, std::string* out) const {
  tally_->SentAgain(device, number);
  AppendPayload(device, number, out);
}

void Workload::Acknowledged(int device, int64_t number, int64_t now_us) {
  if (!tally_->Acknowledged(device, number, now_us)) return;
  if (ledger_ != nullptr) {
    ledger_->Acknowledged(Entry(device, number, now_us),
                          protocols_[device] == Protocol::kMqtt ? "broker" : "gateway");
  }
}

void Workload::Refused(int device, int64_t number, absl::string_view kind, int64_t now_us) {
  tally_->Refused(device);
  tally_->CountError(kind);
  if (ledger_ != nullptr) ledger_->Refused(Entry(device, number, now_us), kind);
}

}  // namespace sluice::fleetsim
