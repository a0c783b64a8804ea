#include "services/ingress/decoder/report_payloads.h"

#include <simdjson.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/json_diagnosis.h"
#include "services/ingress/decoder/payload_decoder.h"
#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

namespace dom = simdjson::dom;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status CheckTypeAndSize(absl::string_view content_type, absl::string_view payload) {
  if (FormatOf(content_type) == PayloadFormat::kUnsupported) {
    return absl::UnimplementedError(absl::StrCat("the content type ", Quote(content_type),
                                                 " is not supported; application/json is"));
  }
  if (payload.size() > static_cast<size_t>(kMaxPayloadBytes)) {
    return absl::OutOfRangeError(absl::StrCat("the payload is ", payload.size(),
                                              " bytes long; at most ", kMaxPayloadBytes,
                                              " are allowed"));
  }
  return absl::OkStatus();
}

// Parses `payload` into an object that lives as long as `parser`.
absl::Status ParseObject(absl::string_view payload, dom::parser* parser, dom::object* object) {
  if (parser->allocate(std::max<size_t>(payload.size(), 64), kMaxNesting)) {
    return absl::UnavailableError("out of memory");
  }
  const auto error = parser->parse(payload.data(), payload.size()).get(*object);
  if (error == simdjson::INCORRECT_TYPE) {
    return absl::InvalidArgumentError("the payload is not a JSON object");
  }
  if (error) return absl::InvalidArgumentError(DiagnoseJson(payload, kMaxNesting));
  return absl::OkStatus();
}

absl::StatusOr<v1::DeviceStatus> StatusFromName(absl::string_view name) {
  if (absl::EqualsIgnoreCase(name, "online")) return v1::DEVICE_STATUS_ONLINE;
  if (absl::EqualsIgnoreCase(name, "offline")) return v1::DEVICE_STATUS_OFFLINE;
  if (absl::EqualsIgnoreCase(name, "error")) return v1::DEVICE_STATUS_ERROR;
  if (absl::EqualsIgnoreCase(name, "maintenance")) return v1::DEVICE_STATUS_MAINTENANCE;
  return absl::InvalidArgumentError(
      absl::StrCat("the status ", Quote(name), " is none of online, offline, error, maintenance"));
}

absl::Status NotAText(absl::string_view key) {
  return absl::InvalidArgumentError(absl::StrCat("'", key, "' is not a text"));
}

absl::Status Convert(const dom::element& element, google::protobuf::Value* value);

absl::Status ConvertObject(const dom::object& object, google::protobuf::Struct* out) {
  for (const auto& [key, element] : object) {
    auto [it, added] = out->mutable_fields()->insert({std::string(key), {}});
    if (!added) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key ", Quote(View(key)), " stands there twice"));
    }
    if (absl::Status status = Convert(element, &it->second); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Convert(const dom::element& element, google::protobuf::Value* value) {
  switch (element.type()) {
    case dom::element_type::OBJECT:
      return ConvertObject(dom::object(element), value->mutable_struct_value());
    case dom::element_type::ARRAY: {
      auto* list = value->mutable_list_value();
      for (const dom::element& item : dom::array(element)) {
        if (absl::Status status = Convert(item, list->add_values()); !status.ok()) return status;
      }
      return absl::OkStatus();
    }
    case dom::element_type::STRING:
      value->set_string_value(std::string(std::string_view(element)));
      return absl::OkStatus();
    case dom::element_type::BOOL:
      value->set_bool_value(bool(element));
      return absl::OkStatus();
    case dom::element_type::NULL_VALUE:
      value->set_null_value(google::protobuf::NULL_VALUE);
      return absl::OkStatus();
    default:
      value->set_number_value(double(element));
      return absl::OkStatus();
  }
}

// What an answer says of itself beside its result.
struct Outcome {
  bool told = false;  // it has a `status`
  bool has_result = false;
  dom::element result;
};

absl::StatusOr<Outcome> ReadOutcome(const dom::object& object, state::v1::CommandReport* report) {
  Outcome outcome;
  bool has_message = false;
  std::string_view message;
  for (const auto& [key, element] : object) {
    bool* seen = nullptr;
    if (key == "status") {
      seen = &outcome.told;
      std::string_view name;
      if (element.get(name)) return NotAText("status");
      if (absl::EqualsIgnoreCase(View(name), "succeeded")) {
        report->set_state(v1::COMMAND_STATE_SUCCEEDED);
      } else if (absl::EqualsIgnoreCase(View(name), "failed")) {
        report->set_state(v1::COMMAND_STATE_FAILED);
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("the status ", Quote(View(name)), " is neither succeeded nor failed"));
      }
    } else if (key == "result") {
      seen = &outcome.has_result;
      outcome.result = element;
    } else if (key == "message") {
      seen = &has_message;
      // Without a status it is part of the result, and may be anything.
      message = std::string_view();
      if (element.is<std::string_view>()) message = std::string_view(element);
    }
    if (seen == nullptr) continue;
    if (*seen) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key ", Quote(View(key)), " stands there twice"));
    }
    *seen = true;
  }
  if (outcome.told) {
    if (has_message && message.data() == nullptr) return NotAText("message");
    report->set_error_message(ToUtf8(View(message), kMaxMessageBytes));
  }
  return outcome;
}

}  // namespace

absl::StatusOr<state::v1::StatusReport> DecodeStatus(absl::string_view content_type,
                                                     absl::string_view payload) {
  if (absl::Status status = CheckTypeAndSize(content_type, payload); !status.ok()) return status;
  const absl::string_view text = absl::StripAsciiWhitespace(payload);
  if (text.empty()) return absl::InvalidArgumentError("the payload is empty");
  state::v1::StatusReport report;
  if (text[0] != '{') {
    const auto status = StatusFromName(text);
    if (!status.ok()) return status.status();
    report.set_status(*status);
    return report;
  }

  dom::parser parser;
  dom::object object;
  if (absl::Status status = ParseObject(text, &parser, &object); !status.ok()) return status;
  bool has_message = false;
  for (const auto& [key, element] : object) {
    const bool is_status = key == "status";
    if (!is_status && key != "message") continue;  // room for what devices say beside it
    std::string_view value;
    if (element.get(value)) return NotAText(View(key));
    const bool twice = is_status ? report.status() != v1::DEVICE_STATUS_UNSPECIFIED : has_message;
    if (twice) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key ", Quote(View(key)), " stands there twice"));
    }
    if (is_status) {
      const auto status = StatusFromName(View(value));
      if (!status.ok()) return status.status();
      report.set_status(*status);
    } else {
      has_message = true;
      report.set_status_message(ToUtf8(View(value), kMaxMessageBytes));
    }
  }
  if (report.status() == v1::DEVICE_STATUS_UNSPECIFIED) {
    return absl::InvalidArgumentError("the key 'status' is missing");
  }
  return report;
}

absl::StatusOr<state::v1::CommandReport> DecodeCommandResponse(absl::string_view content_type,
                                                               absl::string_view payload) {
  if (absl::Status status = CheckTypeAndSize(content_type, payload); !status.ok()) return status;
  state::v1::CommandReport report;
  report.set_state(v1::COMMAND_STATE_SUCCEEDED);
  const absl::string_view text = absl::StripAsciiWhitespace(payload);
  if (text.empty()) return report;

  dom::parser parser;
  dom::object object;
  if (absl::Status status = ParseObject(text, &parser, &object); !status.ok()) return status;
  const auto outcome = ReadOutcome(object, &report);
  if (!outcome.ok()) return outcome.status();
  absl::Status status;
  if (!outcome->told) {
    status = ConvertObject(object, report.mutable_result()->mutable_struct_value());
  } else if (outcome->has_result) {
    status = Convert(outcome->result, report.mutable_result());
  }
  if (!status.ok()) return status;
  return report;
}

}  // namespace sluice::ingress
