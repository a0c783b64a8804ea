#include "libs/config/config_loader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "libs/proto_time/proto_time.h"

namespace sluice {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int64_t kMaxFileBytes = 1 << 20;

// Walks one YAML document into one message.
class YamlReader {
 public:
  // `indices`: a number may name an item of a list.
  explicit YamlReader(absl::string_view name, bool indices = false)
      : name_(name), indices_(indices) {}

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, Message* message) {
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsMap()) return Error(node, path, "must be a group of keys");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Error(entry.first, path, "keys must be plain words");
      const std::string& key = entry.first.Scalar();
      const std::string key_path = path.empty() ? key : absl::StrCat(path, ".", key);
      const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(key);
      if (field == nullptr) {
        return Error(
            entry.first, key_path,
            absl::StrCat("unknown key; known here: ", KnownKeys(*message->GetDescriptor())));
      }
      if (!seen.insert(key).second) return Error(entry.first, key_path, "is there twice");
      if (auto status = ReadField(entry.second, key_path, field, message); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Error(const YAML::Node& node, absl::string_view path, absl::string_view what) const {
    std::string where = name_;
    if (!node.Mark().is_null()) absl::StrAppend(&where, ":", node.Mark().line + 1);
    if (!path.empty()) absl::StrAppend(&where, ": ", path);
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
  }

  static std::string KnownKeys(const Descriptor& descriptor) {
    std::vector<std::string> names;
    for (int i = 0; i < descriptor.field_count(); ++i) {
      names.push_back(descriptor.field(i)->name());
    }
    std::sort(names.begin(), names.end());
    return absl::StrJoin(names, ", ");
  }

  absl::Status ReadField(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor* field, Message* message) {
    if (!field->is_repeated()) return ReadValue(node, path, field, message);
    if (node.IsMap() && indices_) return ReadItems(node, path, field, message);
    if (!node.IsSequence()) return Error(node, path, "must be a list");
    message->GetReflection()->ClearField(message, field);
    for (size_t i = 0; i < node.size(); ++i) {
      const std::string item_path = absl::StrCat(path, "[", i, "]");
      if (auto status = ReadValue(node[i], item_path, field, message); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Items of a list of messages by their index: those that are there, or the next one.
  absl::Status ReadItems(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor* field, Message* message) {
    const auto* reflection = message->GetReflection();
    for (const auto& item : node) {
      const std::string& key = item.first.Scalar();
      const int size = reflection->FieldSize(*message, field);
      int index;
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || !absl::SimpleAtoi(key, &index) ||
          index < 0 || index > size) {
        return Error(node, path, absl::StrCat("'", key, "' is no place in this list of ", size));
      }
      Message* child = index == size ? reflection->AddMessage(message, field)
                                     : reflection->MutableRepeatedMessage(message, field, index);
      const auto status = ReadMessage(item.second, absl::StrCat(path, "[", index, "]"), child);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Sets a singular field, or adds to a repeated one.
  absl::Status ReadValue(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor* field, Message* message) {
    const auto* reflection = message->GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* child = field->is_repeated() ? reflection->AddMessage(message, field)
                                            : reflection->MutableMessage(message, field);
      if (field->message_type() == google::protobuf::Duration::descriptor()) {
        return ReadDuration(node, path, static_cast<google::protobuf::Duration*>(child));
      }
      return ReadMessage(node, path, child);
    }
    if (!node.IsScalar()) return Error(node, path, "must be a single value");
    const std::string& text = node.Scalar();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        field->is_repeated() ? reflection->AddString(message, field, text)
                             : reflection->SetString(message, field, text);
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_BOOL:
        if (text != "true" && text != "false") {
          return Error(node, path, absl::StrCat("must be true or false, is '", text, "'"));
        }
        reflection->SetBool(message, field, text == "true");
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
        return ReadInteger(node, path, field, message);
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double value;
        if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
          return Error(node, path, absl::StrCat("must be a number, is '", text, "'"));
        }
        reflection->SetDouble(message, field, value);
        return absl::OkStatus();
      }
      default:
        return Error(node, path, "has a type that settings files cannot give");
    }
  }

  absl::Status ReadInteger(const YAML::Node& node, const std::string& path,
                           const FieldDescriptor* field, Message* message) {
    absl::string_view digits = node.Scalar();
    int64_t factor = 1;
    const std::pair<const char*, int> units[] = {
        {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    for (const auto& [unit, shift] : units) {
      if (absl::ConsumeSuffix(&digits, unit)) factor = int64_t{1} << shift;
    }
    int64_t value;
    if (!absl::SimpleAtoi(digits, &value)) {
      return Error(node, path, absl::StrCat("must be a whole number, is '", node.Scalar(), "'"));
    }
    const bool is_32 = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32;
    const int64_t limit = is_32 ? INT32_MAX : INT64_MAX;
    if (value > limit / factor || value < -(limit / factor)) {
      return Error(node, path, absl::StrCat("is out of range: '", node.Scalar(), "'"));
    }
    value *= factor;
    const auto* reflection = message->GetReflection();
    is_32 ? reflection->SetInt32(message, field, static_cast<int32_t>(value))
          : reflection->SetInt64(message, field, value);
    return absl::OkStatus();
  }

  absl::Status ReadDuration(const YAML::Node& node, const std::string& path,
                            google::protobuf::Duration* duration) {
    const std::pair<const char*, double> units[] = {
        {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    if (node.IsScalar()) {
      for (const auto& [unit, seconds] : units) {
        absl::string_view digits = node.Scalar();
        double value;
        if (!absl::ConsumeSuffix(&digits, unit) || !absl::SimpleAtod(digits, &value)) continue;
        const double total = value * seconds;
        if (!(std::fabs(total) <= 1e10)) return Error(node, path, "is out of range");
        *duration = ToProto(absl::Seconds(total));
        return absl::OkStatus();
      }
    }
    return Error(node, path, "must be a duration such as 250ms, 30s, 5m, 24h or 7d");
  }

  const std::string name_;
  const bool indices_;
};

}  // namespace

absl::Status LoadConfigText(const std::string& text, absl::string_view name, Message* config) {
  YAML::Node root;
  try {
    // yaml-cpp tells syntax errors by exceptions only.
    root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", error.mark.line + 1, ": not YAML: ", error.msg));
  }
  return YamlReader(name).ReadMessage(root, "", config);
}

absl::Status LoadConfigFile(const std::string& path, Message* config) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("settings file ", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("settings file ", path, ": not a file"));
  }
  if (info.st_size > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("settings file ", path, ": larger than ", kMaxFileBytes, " bytes"));
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("settings file ", path));
  return LoadConfigText(text.str(), path, config);
}

absl::Status ApplyOverride(absl::string_view assignment, Message* config) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set=", assignment, ": must be PATH=VALUE, e.g. grpc.listen=127.0.0.1:0"));
  }
  // The same walk as for a file: one nested YAML map around the value.
  YAML::Node value;
  try {
    value = YAML::Load(std::string(assignment.substr(equals + 1)));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set=", assignment, ": not YAML: ", error.msg));
  }
  if (value.IsNull()) value = YAML::Node(std::string());
  std::vector<std::string> keys = absl::StrSplit(assignment.substr(0, equals), '.');
  std::reverse(keys.begin(), keys.end());
  for (const std::string& key : keys) {
    YAML::Node outer(YAML::NodeType::Map);
    outer[key] = value;
    value.reset(outer);
  }
  return YamlReader(absl::StrCat("--set=", assignment), /*indices=*/true)
      .ReadMessage(value, "", config);
}

}  // namespace sluice
