#include "tools/sluicectl/command_flags.h"

namespace sluice::sluicectl {
namespace {

void AddSeries(CLI::App* app, CommandOptions* chosen) {
  CLI::App* series = AddGroup(app, "series", "The window of each metric of each device");
  const auto list = std::make_shared<SeriesListOptions>();
  CLI::App* command =
      AddCommand(series,
                 {"list", "List series and their statistics",
                  R"(Lists the series that analytics watches: one for each numeric metric of each
device, with the last value, its z-score against the window before it, and the
statistics of the window.)",
                  R"(  sluicectl series list
  sluicectl series list --device thermo-1)"},
                 chosen, list);
  command->add_option("--device", list->device, "Only this device's")->type_name("ID");
  AddPageFlags(command, &list->page);

  const auto get = std::make_shared<SeriesGetOptions>();
  command = AddCommand(series,
                       {"get", "Show one series",
                        "Shows one series: its last sample, how many samples and anomalies there\n"
                        "were, and the statistics of its window.",
                        "  sluicectl series get thermo-1 temperature"},
                       chosen, get);
  command->add_option("DEVICE", get->device, "The device's id")->required();
  command->add_option("METRIC", get->metric, "The metric's name")->required();
}

void AddDeviceCommand(CLI::App* app, CommandOptions* chosen) {
  CLI::App* group = AddGroup(app, "command", "Commands to devices");
  const auto send = std::make_shared<CommandSendOptions>();
  CLI::App* command =
      AddCommand(group,
                 {"send", "Tell an actuator to do something",
                  R"(Sends a command to a device. It is on disk when this returns; with --wait it
returns when the device has answered, or the wait is over. Arguments are
KEY=VALUE pairs, where VALUE is a number, true, false, null, a JSON array or
object, or a text, or one JSON object. Exit code 4 if the command ended FAILED
or CANCELLED, or had no answer within --wait.)",
                  R"(  sluicectl command send pump-7 start speed=5 mode=eco --wait 10s
  sluicectl command send pump-7 stop
  sluicectl command send pump-7 start --arguments '{"speed": 5, "ramp": [1, 2]}')"},
                 chosen, send);
  command->add_option("DEVICE", send->device, "The device's id")->required();
  command->add_option("NAME", send->name, "The command's name")->required();
  command->add_option("ARGUMENT", send->arguments, "KEY=VALUE, any number");
  command->add_option("--arguments", send->json_arguments, "All arguments as one JSON object")
      ->type_name("JSON");
  AddDuration(command, "--wait", &send->wait,
              "Wait for the device's answer, at most 5m (default: 0)");
  command
      ->add_option("--request-id", send->request_id,
                   "Makes it safe to repeat: the same id within an hour sends once")
      ->type_name("TEXT");

  const auto get = std::make_shared<CommandGetOptions>();
  command = AddCommand(
      group,
      {"get", "Show what became of a command",
       R"(Shows a command: PENDING until it was handed over, SENT until the device
answered, then SUCCEEDED or FAILED with what the device said. Exit code 4 if it
is FAILED or CANCELLED.)",
       R"(  sluicectl command send pump-7 stop | awk '/^id:/ {print $2}' | xargs sluicectl command get)"},
      chosen, get);
  command->add_option("ID", get->id, "The command's id, as command send prints it")->required();
}

void AddDeadLetterFlags(CLI::App* command, DeadLetterFlags* flags) {
  AddRepeated(command, "--reason", &flags->reasons, "REASON",
              "Only those refused for this reason: malformed, too-large,\n"
              "illegal-device-id, unknown-device, disabled-device or\n"
              "unsupported-content-type; may be repeated");
  AddRepeated(command, "--device", &flags->devices, "ID", "Only this device's; may be repeated");
  command->add_option("--after", flags->after, "Only those that came at or after this time")
      ->type_name("TIME");
  command->add_option("--before", flags->before, "Only those that came before this time")
      ->type_name("TIME");
}

void AddDeadLetters(CLI::App* app, CommandOptions* chosen) {
  CLI::App* group = AddGroup(app, "deadletters", "Messages that could not be taken in");
  const auto list = std::make_shared<DeadLettersListOptions>();
  CLI::App* command =
      AddCommand(group,
                 {"list", "List messages that could not be taken in",
                  R"(Lists messages that came in by MQTT or CoAP and could not become telemetry, the
oldest first: who sent them where, what is wrong, and the start of the payload
(--json: all of it, base64). CLIENT and USER are the MQTT client id and user
name of the sender, where the broker's plugin tells them. Those that a replay
took in, and those that were purged, are gone from the list.)",
                  R"(  sluicectl deadletters list
  sluicectl deadletters list --reason unknown-device --device thermo-1
  sluicectl deadletters list --all --json)"},
                 chosen, list);
  AddDeadLetterFlags(command, &list->filter);
  AddPageFlags(command, &list->page);

  const auto show = std::make_shared<DeadLettersShowOptions>();
  command =
      AddCommand(group,
                 {"show", "Show one dead letter",
                  "Shows all that is kept of a message that could not be taken in. What of the\n"
                  "payload is no text is shown as dots; --json has it exactly, as base64.",
                  R"(  sluicectl deadletters show 17
  sluicectl deadletters show 17 --json)"},
                 chosen, show);
  command->add_option("OFFSET", show->offset, "Its offset, as deadletters list has it")->required();

  const auto replay = std::make_shared<DeadLettersReplayOptions>();
  command =
      AddCommand(group,
                 {"replay", "Take dead letters in once more",
                  R"(Takes messages in as if they came once more, for instance when their devices
are registered or enabled now, and shows what became of each. They keep the time
when they came first. One that is taken in is gone from the dead letters; one
that is refused again stays. Exit code 1 if one was not taken in. If it is
interrupted, run it again: what came through already may come through twice.)",
                  R"(  sluicectl deadletters replay 17 18
  sluicectl deadletters replay --reason unknown-device --device thermo-1
  sluicectl deadletters replay --after 2026-03-01T00:00:00Z --before 2026-03-02T00:00:00Z
  sluicectl deadletters replay --all)"},
                 chosen, replay);
  command->add_option("OFFSET", replay->offsets, "Letters, as deadletters list has them");
  AddDeadLetterFlags(command, &replay->filter);
  command->add_flag("--all", replay->all, "Every dead letter");

  const auto purge = std::make_shared<DeadLettersPurgeOptions>();
  command =
      AddCommand(group,
                 {"purge", "Delete dead letters for good",
                  R"(Deletes all dead letters up to an offset or a time, or all that are there. They
do not come back. --dry-run counts them and deletes nothing. Their room on the
disk is free when the log needs it.)",
                  R"(  sluicectl deadletters purge --before 2026-03-01T00:00:00Z --dry-run
  sluicectl deadletters purge --before 17
  sluicectl deadletters purge --all)"},
                 chosen, purge);
  command
      ->add_option("--before", purge->before,
                   "Those below this offset, or written down before this time")
      ->type_name("WHERE");
  command->add_flag("--all", purge->all, "All that are there");
  command->add_flag("--dry-run", purge->dry_run, "Only say how many");
}

}  // namespace

void AddStatusCommand(CLI::App* app, CommandOptions* chosen) {
  AddCommand(app,
             {"status", "Health of the services and what they hold",
              R"(Asks each of the three services whether it serves (grpc.health.v1), and shows
where it is; of the registry how many devices are of each status; of ingress and
analytics their subscriptions and the greatest lag. Exit code 3 if one gives no
answer, 1 if one is not serving.)",
              R"(  sluicectl status
  sluicectl status --json
  sluicectl status --data-dir .sluice)"},
             chosen, std::make_shared<StatusOptions>());
}

void AddOtherCommands(CLI::App* app, CommandOptions* chosen) {
  AddSeries(app, chosen);
  AddDeviceCommand(app, chosen);
  AddDeadLetters(app, chosen);
  AddCommand(app,
             {"unknown-topics", "Topics that devices publish on and nobody takes",
              R"(Lists topics under devices/ on which something was published that nobody takes:
most likely a mistake in a device. The broker's plugin sees them; these are the
ones used last since ingress started, at most 100, the last one first: how often
each was seen (of all topics, 50 sightings a second are counted), when and by
which MQTT client last.)",
              R"(  sluicectl unknown-topics
  sluicectl unknown-topics --json)"},
             chosen, std::make_shared<UnknownTopicsOptions>());
}

}  // namespace sluice::sluicectl
