#ifndef SLUICE_TOOLS_FLEETSIM_JSON_WRITER_H_
#define SLUICE_TOOLS_FLEETSIM_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// Appends one JSON object to a string, member by member, in the order of the calls. Begin and End
// must be balanced by the caller.
class JsonWriter {
 public:
  // `indent` 0 writes everything on one line.
  JsonWriter(int indent, std::string* out) : indent_(indent), out_(out) {}

  JsonWriter& BeginObject();
  JsonWriter& BeginObject(absl::string_view key);
  JsonWriter& EndObject();
  JsonWriter& Member(absl::string_view key, int64_t value);
  JsonWriter& Member(absl::string_view key, int value) { return Member(key, int64_t{value}); }
  // Not finite: null.
  JsonWriter& Member(absl::string_view key, double value);
  JsonWriter& Member(absl::string_view key, bool value);
  // Bytes that are not printable ASCII are written as \u00XX.
  JsonWriter& Member(absl::string_view key, absl::string_view value);
  JsonWriter& Member(absl::string_view key, const char* value) {
    return Member(key, absl::string_view(value));
  }

  // An array of texts.
  JsonWriter& Member(absl::string_view key, const std::vector<std::string>& values);

 private:
  void Key(absl::string_view key);
  void NewLine();

  const int indent_;
  std::string* const out_;
  int depth_ = 0;
  bool first_ = true;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_JSON_WRITER_H_
