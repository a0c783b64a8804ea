#include "tools/fleetsim/report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/fleetsim/json_writer.h"

namespace sluice::fleetsim {
namespace {

double PerSecond(int64_t count, int64_t us) {
  return us > 0 ? static_cast<double>(count) * 1e6 / static_cast<double>(us) : 0.0;
}

ProtocolTotals Sum(const Totals& totals) {
  ProtocolTotals sum;
  for (const ProtocolTotals& one : totals.protocols) {
    sum.devices += one.devices;
    sum.sent += one.sent;
    sum.acknowledged += one.acknowledged;
    sum.refused += one.refused;
    sum.received += one.received;
    sum.acknowledged_and_received += one.acknowledged_and_received;
    sum.duplicates += one.duplicates;
    sum.unprovoked_duplicates += one.unprovoked_duplicates;
    sum.out_of_order += one.out_of_order;
    sum.acknowledge_latency.Add(one.acknowledge_latency);
    sum.delivery_latency.Add(one.delivery_latency);
  }
  return sum;
}

void WriteHistogram(const char* key, const Histogram& histogram, JsonWriter* json) {
  json->BeginObject(key)
      .Member("count", histogram.count())
      .Member("p50", histogram.PercentileUs(50))
      .Member("p90", histogram.PercentileUs(90))
      .Member("p99", histogram.PercentileUs(99))
      .Member("p999", histogram.PercentileUs(99.9))
      .Member("max", histogram.max_us())
      .EndObject();
}

void WriteMessages(const ProtocolTotals& totals, const RunResult& result, JsonWriter* json) {
  json->Member("devices", totals.devices)
      .Member("sent", totals.sent)
      .Member("sent_per_s", PerSecond(totals.sent, result.sending_us))
      .Member("acknowledged", totals.acknowledged)
      .Member("acknowledged_per_s", PerSecond(totals.acknowledged, result.sending_us))
      .Member("refused", totals.refused);
  WriteHistogram("acknowledge_latency_us", totals.acknowledge_latency, json);
  if (!result.subscriber) return;
  json->Member("received", totals.received)
      .Member("lost", totals.lost())
      .Member("lost_unacknowledged", totals.lost_unacknowledged())
      .Member("duplicates", totals.duplicates)
      .Member("unprovoked_duplicates", totals.unprovoked_duplicates)
      .Member("out_of_order", totals.out_of_order);
  WriteHistogram("latency_us", totals.delivery_latency, json);
}

std::string Thousands(int64_t value) {
  std::string digits = absl::StrCat(value);
  for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string Milliseconds(int64_t us) {
  const double ms = static_cast<double>(us) / 1000.0;
  return absl::StrFormat("%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
}

// A line of the table: a name, and a cell for each protocol that takes part and for the sum.
class Table {
 public:
  explicit Table(const Totals& totals) : sum_(Sum(totals)) {
    for (int i = 0; i < kProtocols; ++i) {
      if (totals.protocols[i].devices == 0) continue;
      columns_.push_back(&totals.protocols[i]);
      names_.push_back(i == static_cast<int>(Protocol::kMqtt) ? "MQTT" : "CoAP");
    }
    if (columns_.size() > 1) {
      columns_.push_back(&sum_);
      names_.push_back("all");
    }
  }

  void Header() { Line("", names_); }
  void Row(const char* name, const std::function<std::string(const ProtocolTotals&)>& cell) {
    std::vector<std::string> cells;
    for (const ProtocolTotals* column : columns_) cells.push_back(cell(*column));
    Line(name, cells);
  }
  void Count(const char* name, int64_t ProtocolTotals::*member) {
    Row(name, [member](const ProtocolTotals& t) { return Thousands(t.*member); });
  }
  void Single(const char* name, const std::string& value) {
    absl::StrAppendFormat(&text_, "  %-26s  %s\n", name, value);
  }
  std::string& text() { return text_; }

 private:
  void Line(const char* name, const std::vector<std::string>& cells) {
    absl::StrAppendFormat(&text_, "  %-26s", name);
    for (const std::string& cell : cells) absl::StrAppendFormat(&text_, "%14s", cell);
    text_ += "\n";
  }

  const ProtocolTotals sum_;
  std::vector<const ProtocolTotals*> columns_;
  std::vector<std::string> names_;
  std::string text_;
};

void AddMessages(const RunResult& result, Table* table) {
  table->Header();
  table->Count("devices", &ProtocolTotals::devices);
  table->Count("sent", &ProtocolTotals::sent);
  table->Row("  a second", [&](const ProtocolTotals& t) {
    return Thousands(std::llround(PerSecond(t.sent, result.sending_us)));
  });
  table->Count("acknowledged", &ProtocolTotals::acknowledged);
  table->Row("  p50", [](const ProtocolTotals& t) {
    return Milliseconds(t.acknowledge_latency.PercentileUs(50));
  });
  table->Row("  p99", [](const ProtocolTotals& t) {
    return Milliseconds(t.acknowledge_latency.PercentileUs(99));
  });
  table->Count("refused", &ProtocolTotals::refused);
  if (!result.subscriber) return;
  table->Count("received by subscriber", &ProtocolTotals::received);
  for (double percent : {50.0, 90.0, 99.0, 100.0}) {
    const std::string name = percent < 100 ? absl::StrFormat("  p%.0f", percent) : "  max";
    table->Row(name.c_str(), [percent](const ProtocolTotals& t) {
      return Milliseconds(t.delivery_latency.PercentileUs(percent));
    });
  }
  table->Row("lost", [](const ProtocolTotals& t) { return Thousands(t.lost()); });
  table->Row("lost, not acknowledged",
             [](const ProtocolTotals& t) { return Thousands(t.lost_unacknowledged()); });
  table->Count("duplicates", &ProtocolTotals::duplicates);
  table->Count("out of order", &ProtocolTotals::out_of_order);
}

}  // namespace

std::string ReportJson(const RunResult& result) {
  std::string out;
  JsonWriter json(2, &out);
  const AnomalyTotals& anomalies = result.totals.anomalies;
  const ProtocolTotals sum = Sum(result.totals);
  json.BeginObject()
      .Member("passed", result.failures.empty())
      .Member("sending_us", result.sending_us)
      .Member("cpu_us", result.cpu_us)
      .Member("cpu_us_per_message",
              static_cast<double>(result.cpu_us) / std::max<int64_t>(1, sum.sent))
      .Member("first_tag", result.first_tag)
      .Member("given_up", result.given_up);
  WriteMessages(sum, result, &json);
  for (const auto& [key, protocol] :
       {std::pair("mqtt", Protocol::kMqtt), {"coap", Protocol::kCoap}}) {
    json.BeginObject(key);
    WriteMessages(result.totals.protocols[static_cast<int>(protocol)], result, &json);
    json.EndObject();
  }
  json.Member("mqtt_reconnects", result.mqtt_reconnects)
      .Member("coap_retransmissions", result.coap_retransmissions);
  json.BeginObject("anomalies")
      .Member("asked", result.anomalies_asked)
      .Member("planted", anomalies.planted)
      .Member("acknowledged", anomalies.acknowledged);
  if (result.insights) {
    json.Member("found", anomalies.found)
        .Member("missed", anomalies.missed)
        .Member("false_alarms", anomalies.false_alarms)
        .Member("false_alarm_share", result.false_alarm_share);
  }
  json.EndObject();
  json.BeginObject("commands")
      .Member("received", result.commands_received)
      .Member("answered", result.commands_answered)
      .EndObject();
  json.BeginObject("subscriber")
      .Member("reconnects", result.subscriber_reconnects)
      .Member("redelivered", result.subscriber_redelivered)
      .Member("gap_records", result.gap_records)
      .Member("foreign", result.totals.foreign)
      .EndObject();
  json.BeginObject("errors");
  for (const auto& [kind, count] : result.totals.errors) {
    json.Member(kind, count);
  }
  json.EndObject();
  json.Member("failures", result.failures).EndObject();
  out += "\n";
  return out;
}

std::string ReportTable(const RunResult& result) {
  Table table(result.totals);
  AddMessages(result, &table);
  const AnomalyTotals& anomalies = result.totals.anomalies;
  if (result.insights) {
    table.Single("anomalies planted / found",
                 absl::StrCat(Thousands(anomalies.planted), " / ", Thousands(anomalies.found)));
    table.Single("false alarms",
                 absl::StrFormat("%s (%.3f%% of samples)", Thousands(anomalies.false_alarms),
                                 result.false_alarm_share * 100));
  } else if (anomalies.planted > 0) {
    table.Single("anomalies planted", Thousands(anomalies.planted));
  }
  if (result.commands_received > 0) {
    table.Single("commands got / answered", absl::StrCat(Thousands(result.commands_received), " / ",
                                                         Thousands(result.commands_answered)));
  }
  const std::pair<const char*, int64_t> rare[] = {
      {"MQTT reconnects", result.mqtt_reconnects},
      {"CoAP retransmissions", result.coap_retransmissions},
      {"subscriber reconnects", result.subscriber_reconnects},
      {"records shown again", result.subscriber_redelivered},
      {"records in gaps", result.gap_records},
      {"messages given up", result.given_up},
  };
  for (const auto& [name, count] : rare) {
    if (count > 0) table.Single(name, Thousands(count));
  }
  for (const auto& [kind, count] : result.totals.errors) {
    table.Single("error", absl::StrCat(Thousands(count), " × ", kind));
  }
  std::string& text = table.text();
  if (result.failures.empty()) text += "  passed\n";
  for (const std::string& failure : result.failures)
    absl::StrAppend(&text, "  FAILED: ", failure, "\n");
  return text;
}

}  // namespace sluice::fleetsim
