#include "services/registry/devices/device_filter.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"

namespace sluice::registry {
namespace {

constexpr size_t kMaxFilterBytes = 1024;
constexpr absl::string_view kLabelPrefix = "labels.";

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ||
         c == '/';
}

template <typename T>
bool AllEqual(const std::vector<T>& wanted, T value) {
  return std::all_of(wanted.begin(), wanted.end(), [&](T w) { return w == value; });
}

}  // namespace

class FilterParser {
 public:
  explicit FilterParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<DeviceFilter> Parse() {
    SkipSpaces();
    if (AtEnd()) return filter_;
    while (true) {
      const absl::Status status = ParseTerm();
      if (!status.ok()) return status;
      const size_t term_end = position_;
      SkipSpaces();
      if (AtEnd()) return filter_;
      if (position_ == term_end || Word() != "AND") {
        position_ = std::max(term_end, word_start_);
        return Wrong(position_, "expected ' AND ' or the end");
      }
      SkipSpaces();
    }
  }

 private:
  bool AtEnd() const { return position_ == text_.size(); }

  void SkipSpaces() {
    while (!AtEnd() && text_[position_] == ' ') ++position_;
  }

  absl::string_view Word() {
    word_start_ = position_;
    while (!AtEnd() && IsWordCharacter(text_[position_])) ++position_;
    return text_.substr(word_start_, position_ - word_start_);
  }

  absl::Status Wrong(size_t at, absl::string_view what) const {
    return InvalidField("filter", absl::StrCat("at byte ", at, ": ", what));
  }

  absl::Status ParseTerm() {
    const size_t key_at = position_;
    const absl::string_view key = Word();
    SkipSpaces();
    if (key.empty()) return Wrong(key_at, "expected type, status, enabled or labels.KEY");
    if (key != "type" && key != "status" && key != "enabled" &&
        !(absl::StartsWith(key, kLabelPrefix) && key.size() > kLabelPrefix.size())) {
      return Wrong(key_at, absl::StrCat("'", key.substr(0, 64),
                                        "' is none of type, status, enabled, labels.KEY"));
    }
    if (AtEnd() || text_[position_] != '=') return Wrong(position_, "expected '='");
    ++position_;
    SkipSpaces();
    const size_t value_at = position_;
    absl::string_view value;
    if (!AtEnd() && text_[position_] == '"') {
      const size_t end = text_.find('"', position_ + 1);
      if (end == absl::string_view::npos) return Wrong(value_at, "the quote is not closed");
      value = text_.substr(position_ + 1, end - position_ - 1);
      position_ = end + 1;
    } else {
      value = Word();
      if (value.empty()) return Wrong(value_at, "expected a value");
    }
    return AddTerm(key, value, value_at);
  }

  absl::Status AddTerm(absl::string_view key, absl::string_view value, size_t value_at) {
    if (absl::StartsWith(key, kLabelPrefix)) {
      filter_.labels_.emplace_back(key.substr(kLabelPrefix.size()), value);
    } else if (key == "type") {
      if (value == "sensor") {
        filter_.types_.push_back(v1::Device::kSensor);
      } else if (value == "actuator") {
        filter_.types_.push_back(v1::Device::kActuator);
      } else if (value == "gateway") {
        filter_.types_.push_back(v1::Device::kGateway);
      } else {
        return Wrong(value_at, "expected sensor, actuator or gateway");
      }
    } else if (key == "enabled") {
      if (value != "true" && value != "false") return Wrong(value_at, "expected true or false");
      filter_.enabled_.push_back(value == "true");
    } else {
      v1::DeviceStatus status = v1::DEVICE_STATUS_UNSPECIFIED;
      if (!v1::DeviceStatus_Parse(absl::StrCat("DEVICE_STATUS_", value), &status) ||
          status == v1::DEVICE_STATUS_UNSPECIFIED) {
        return Wrong(value_at, "expected ONLINE, OFFLINE, ERROR, MAINTENANCE or UNKNOWN");
      }
      filter_.statuses_.push_back(status);
    }
    return absl::OkStatus();
  }

  const absl::string_view text_;
  size_t position_ = 0;
  size_t word_start_ = 0;
  DeviceFilter filter_;
};

absl::StatusOr<DeviceFilter> DeviceFilter::Parse(absl::string_view text) {
  if (text.size() > kMaxFilterBytes) {
    return InvalidField("filter", absl::StrCat("is ", text.size(), " bytes long; at most ",
                                               kMaxFilterBytes, " are allowed"));
  }
  return FilterParser(text).Parse();
}

bool DeviceFilter::MatchesFlags(v1::Device::TypeCase type, v1::DeviceStatus status,
                                bool enabled) const {
  return AllEqual(types_, type) && AllEqual(statuses_, status) && AllEqual(enabled_, enabled);
}

bool DeviceFilter::Matches(const v1::Device& device) const {
  if (!MatchesFlags(device.type_case(), device.status(), device.enabled())) return false;
  return std::all_of(labels_.begin(), labels_.end(), [&](const auto& label) {
    const auto found = device.labels().find(label.first);
    return found != device.labels().end() && found->second == label.second;
  });
}

}  // namespace sluice::registry
