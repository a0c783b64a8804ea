#include "tools/sluicectl/command_flags.h"

namespace sluice::sluicectl {
namespace {

void AddPropertyFlags(CLI::App* command, DeviceFlags* flags) {
  command->add_option("--type", flags->type, "sensor, actuator or gateway")->type_name("TYPE");
  AddRepeated(command, "--capability", &flags->capabilities, "METRIC[:UNIT]",
              "What a sensor measures; may be repeated");
  AddRepeated(command, "--command", &flags->commands, "NAME",
              "What an actuator can be told to do; may be repeated (none: anything)");
  AddRepeated(command, "--label", &flags->labels, "KEY=VALUE",
              "A short name to select devices by; may be repeated");
  AddRepeated(command, "--metadata", &flags->metadata, "KEY=VALUE",
              "A free fact about the device; may be repeated");
  const auto set_firmware = [flags](const std::string& version) {
    flags->firmware = version;
    flags->has_firmware = true;
  };
  command->add_option_function<std::string>("--firmware", set_firmware, "Its firmware's version")
      ->type_name("VERSION");
}

void AddList(CLI::App* devices, CommandOptions* chosen) {
  const auto options = std::make_shared<DevicesListOptions>();
  CLI::App* command =
      AddCommand(devices,
                 {"list", "List devices, by their id",
                  R"(Lists the devices that the registry knows, a page at a time. A filter joins
terms by AND: type = sensor|actuator|gateway, status =
ONLINE|OFFLINE|ERROR|MAINTENANCE|UNKNOWN, enabled = true|false, labels.KEY =
VALUE.)",
                  R"(  sluicectl devices list --filter 'type = sensor AND status = ONLINE'
  sluicectl devices list --filter 'labels.site = north' --all
  sluicectl devices list --all --json > devices.json)"},
                 chosen, options);
  command->add_option("--filter", options->filter, "Only devices that match")->type_name("FILTER");
  AddPageFlags(command, &options->page);
}

void AddGet(CLI::App* devices, CommandOptions* chosen) {
  const auto options = std::make_shared<DevicesGetOptions>();
  CLI::App* command = AddCommand(
      devices,
      {"get", "Show one device",
       R"(Shows everything that the registry knows of a device: what it is, its status and
since when, labels, metadata, and the etag that guards an update or a deletion.)",
       R"(  sluicectl devices get pump-7
  sluicectl devices get pump-7 --json)"},
      chosen, options);
  command->add_option("ID", options->id, "The device's id")->required();
}

void AddCreate(CLI::App* devices, CommandOptions* chosen) {
  const auto options = std::make_shared<DevicesCreateOptions>();
  CLI::App* command = AddCommand(
      devices,
      {"create", "Create a device, or many from a file",
       R"(Creates a device; what it answers is on disk. Ids are 1 to 128 characters of A-Z
a-z 0-9 . _ - :. --capability makes it a sensor and --command an actuator if
--type is not given; the unit of a capability stands behind the last colon.
--from reads devices as JSON objects, one after the other or in an array, with
the fields that devices list --json prints (- is stdin); one that is refused
does not stop the others.)",
       R"(  sluicectl devices create thermo-1 --capability temperature:Cel --label site=north
  sluicectl devices create pump-7 --type actuator --command start --command stop
  sluicectl devices create hall-2 --type gateway --metadata 'place=Hall 2, east wall'
  sluicectl devices list --all --json | sluicectl devices create --from -
  echo '{"id": "thermo-2", "sensor": {}}' | sluicectl devices create --from -)"},
      chosen, options);
  CLI::Option* id = command->add_option("ID", options->id, "The device's id");
  AddPropertyFlags(command, &options->flags);
  command->add_flag("--disabled", options->flags.disable, "Take nothing in from it for now");
  command
      ->add_option("--request-id", options->request_id,
                   "Makes it safe to repeat: the same id within an hour creates once")
      ->type_name("TEXT");
  CLI::Option* from = command->add_option("--from", options->from_file, "Create what is in FILE");
  from->type_name("FILE");
  command->callback([options, chosen, id, from, command] {
    const bool by_file = from->count() > 0;
    if (by_file == (id->count() > 0)) {
      throw CLI::ValidationError("devices create", "needs either the device's ID or --from FILE");
    }
    for (const CLI::Option* option : command->get_options()) {
      if (by_file && option != from && option->count() > 0) {
        throw CLI::ValidationError(option->get_name(), "cannot be used with --from");
      }
    }
    *chosen = *options;
  });
}

void AddUpdate(CLI::App* devices, CommandOptions* chosen) {
  const auto options = std::make_shared<DevicesUpdateOptions>();
  CLI::App* command =
      AddCommand(devices,
                 {"update", "Change a device",
                  R"(Changes exactly what the flags name and leaves the rest. --type, --capability
and --command replace what the device is as a whole. With --etag (see devices
get) the change happens only if nobody changed the device meanwhile.)",
                  R"(  sluicectl devices update thermo-1 --label site=south --remove-label note
  sluicectl devices update thermo-1 --capability temperature:Cel --capability humidity:%RH
  sluicectl devices update thermo-1 --firmware 1.4.2 --disable
  sluicectl devices update thermo-1 --enable)"},
                 chosen, options);
  command->add_option("ID", options->id, "The device's id")->required();
  AddPropertyFlags(command, &options->flags);
  AddRepeated(command, "--remove-label", &options->flags.removed_labels, "KEY",
              "A label to take away; may be repeated");
  AddRepeated(command, "--remove-metadata", &options->flags.removed_metadata, "KEY",
              "A fact to take away; may be repeated");
  CLI::Option* enable =
      command->add_flag("--enable", options->flags.enable, "Take its messages in again");
  command->add_flag("--disable", options->flags.disable, "Take nothing in from it for now")
      ->excludes(enable);
  command->add_option("--etag", options->etag, "Only if this is its etag")->type_name("ETAG");
}

void AddDelete(CLI::App* devices, CommandOptions* chosen) {
  const auto options = std::make_shared<DevicesDeleteOptions>();
  CLI::App* command =
      AddCommand(devices,
                 {"delete", "Delete a device",
                  R"(Deletes a device from the registry; its pending commands end CANCELLED. Where
devices may register themselves it comes back with its next message: disable it
instead.)",
                  "  sluicectl devices delete thermo-1"},
                 chosen, options);
  command->add_option("ID", options->id, "The device's id")->required();
  command->add_option("--etag", options->etag, "Only if this is its etag")->type_name("ETAG");
}

}  // namespace

void AddDeviceCommands(CLI::App* app, CommandOptions* chosen) {
  CLI::App* devices = AddGroup(app, "devices", "The devices that the registry knows");
  AddList(devices, chosen);
  AddGet(devices, chosen);
  AddCreate(devices, chosen);
  AddUpdate(devices, chosen);
  AddDelete(devices, chosen);
}

}  // namespace sluice::sluicectl
