#include <cstdint>

#include "tools/sluicectl/command_flags.h"

namespace sluice::sluicectl {
namespace {

constexpr char kTelemetryManual[] =
    R"(Prints each message as it comes, one a line, from a moment when it is on disk;
ends at --count or Ctrl-C. Without --subscription it begins with the next
message and leaves no trace. A named subscription is made at its first use,
holds back what it has not acknowledged, and begins at its cursor; --ack moves
the cursor past what was printed (and past what the filters left out). When the
service goes away it waits, and goes on where it was without printing anything
twice. Gaps are told on stderr. --json also tells the sender, the MQTT client
that the broker's plugin heard it from.)";

constexpr char kInsightsManual[] =
    R"(Prints each insight (a sample far from those before it) as it is found, one a
line; ends at --count or Ctrl-C. Subscriptions, --from, --ack and reconnecting
are as in telemetry tail, over the journal of insights.)";

void AddTail(CLI::App* parent, bool insights, const CommandHelp& help, CommandOptions* chosen) {
  const auto options = std::make_shared<TailOptions>();
  options->insights = insights;
  CLI::App* command = AddCommand(parent, help, chosen, options);
  command->add_option("--subscription", options->subscription, "Use this named subscription")
      ->type_name("NAME");
  command
      ->add_option("--from", options->from,
                   "Where to begin: earliest, latest, resume, an offset, or a time as\n"
                   "2026-03-01T14:05:09Z (default: resume with a name, latest without)")
      ->type_name("WHERE");
  AddRepeated(command, "--device", &options->devices, "ID", "Only this device; may be repeated");
  AddRepeated(command, "--metric", &options->metrics, "NAME", "Only this metric; may be repeated");
  const auto set_count = [options](int64_t count) {
    if (count < 1) throw CLI::ValidationError("--count", "must be at least 1");
    options->count = count;
  };
  command->add_option_function<int64_t>("--count", set_count, "End after so many")->type_name("N");
  command->add_flag("--ack", options->acknowledge, "Acknowledge what was printed");
}

void AddPublish(CLI::App* telemetry, CommandOptions* chosen) {
  const auto options = std::make_shared<TelemetryPublishOptions>();
  CLI::App* command =
      AddCommand(telemetry,
                 {"publish", "Publish a message as a device",
                  R"(Publishes one message and answers when it is on disk. A VALUE is a number as in
JSON (whole numbers stay exact), true, false, or a text; a text that looks like
a number goes in double quotes.)",
                  R"(  sluicectl telemetry publish thermo-1 temperature=21.5 --unit Cel
  sluicectl telemetry publish pump-7 running=true pressure=3 mode=eco 'serial="007"'
  sluicectl telemetry publish thermo-1 temperature=20 --time 2026-03-01T14:05:09Z --message-id m-1)"},
                 chosen, options);
  command->add_option("DEVICE", options->device, "The device's id")->required();
  command->add_option("READING", options->readings, "METRIC=VALUE, one or more")->required();
  command->add_option("--unit", options->unit, "Unit of every reading, e.g. Cel")
      ->type_name("UNIT");
  command->add_option("--time", options->time, "When it was read, e.g. 2026-03-01T14:05:09Z")
      ->type_name("TIME");
  command->add_option("--message-id", options->message_id, "The message's id")->type_name("ID");
}

void AddSubscriptions(CLI::App* app, CommandOptions* chosen) {
  CLI::App* group = AddGroup(app, "subscriptions", "The named readers of telemetry or insights");
  const auto list = std::make_shared<SubscriptionsListOptions>();
  CLI::App* command =
      AddCommand(group,
                 {"list", "List subscriptions and how far they lag",
                  R"(Lists the named subscriptions of telemetry, or with --insights those of
insights. LAG is how many records lie between a subscription's cursor and the
newest record on disk: what it holds back from deletion; BYTES is about how much
of the disk they take, OLDEST when the first of them came. EPOCH counts its
streams and moves.)",
                  R"(  sluicectl subscriptions list
  sluicectl subscriptions list --insights)"},
                 chosen, list);
  command->add_flag("--insights", list->insights, "Those of insights");
  AddPageFlags(command, &list->page);

  const auto create = std::make_shared<SubscriptionsCreateOptions>();
  command =
      AddCommand(group,
                 {"create", "Create a subscription before its first use",
                  R"(Creates a named subscription. From then on nothing that it has not acknowledged
is deleted, up to the journal's hard limit. Without --expire-after it stays
until it is deleted.)",
                  R"(  sluicectl subscriptions create cloud
  sluicectl subscriptions create cloud-2 --from latest --expire-after 7d
  sluicectl subscriptions create alarms --insights)"},
                 chosen, create);
  command->add_option("NAME", create->name, "Its name")->required();
  command->add_flag("--insights", create->insights, "Of insights");
  command
      ->add_option("--from", create->from,
                   "Where its cursor begins: earliest, latest, an offset or a time\n"
                   "(default: earliest)")
      ->type_name("WHERE");
  AddDuration(command, "--expire-after", &create->expire_after,
              "Delete it when it was not used for so long, at least 1m");

  const auto seek = std::make_shared<SubscriptionsSeekOptions>();
  command =
      AddCommand(group,
                 {"seek", "Move a subscription to another place",
                  R"(Moves the cursor of a named subscription, back to read again or forward to pass
over, and shows how it stands then. Its open stream ends; the reader opens
another and begins there. What retention has deleted does not come back: the
reader is told of the gap.)",
                  R"(  sluicectl subscriptions seek cloud --to earliest
  sluicectl subscriptions seek cloud --to 2026-03-01T14:05:09Z
  sluicectl subscriptions seek alarms --insights --to latest)"},
                 chosen, seek);
  command->add_option("NAME", seek->name, "Its name")->required();
  command->add_flag("--insights", seek->insights, "Of insights");
  command
      ->add_option("--to", seek->to, "Where its cursor goes: earliest, latest, an offset or a time")
      ->type_name("WHERE")
      ->required();

  const auto remove = std::make_shared<SubscriptionsDeleteOptions>();
  command =
      AddCommand(group,
                 {"delete", "Delete a subscription",
                  "Deletes a named subscription: it holds nothing back from then on, and its\n"
                  "open stream ends.",
                  R"(  sluicectl subscriptions delete cloud
  sluicectl subscriptions delete alarms --insights)"},
                 chosen, remove);
  command->add_option("NAME", remove->name, "Its name")->required();
  command->add_flag("--insights", remove->insights, "Of insights");
}

}  // namespace

void AddStreamCommands(CLI::App* app, CommandOptions* chosen) {
  CLI::App* telemetry = AddGroup(app, "telemetry", "What devices say");
  AddTail(telemetry, /*insights=*/false,
          {"tail", "Print telemetry as it comes", kTelemetryManual,
           R"(  sluicectl telemetry tail
  sluicectl telemetry tail --from earliest --device thermo-1 --metric temperature
  sluicectl telemetry tail --from 2026-03-01T14:05:09Z --count 100 --json
  sluicectl telemetry tail --subscription cloud --ack --json >> telemetry.jsonl)"},
          chosen);
  AddPublish(telemetry, chosen);
  CLI::App* insights = AddGroup(app, "insights", "What analytics finds");
  AddTail(insights, /*insights=*/true,
          {"tail", "Print insights as they come", kInsightsManual,
           R"(  sluicectl insights tail
  sluicectl insights tail --from earliest --device thermo-1
  sluicectl insights tail --subscription alarms --ack --json)"},
          chosen);
  AddSubscriptions(app, chosen);
}

}  // namespace sluice::sluicectl
