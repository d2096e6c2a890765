#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "base/machine.h"
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/text_width.h"
#include "tensor/isa.h"

namespace jielong::cli {
namespace {

struct Folder {
  const char* what;
  std::filesystem::path path;
};

std::vector<Folder> folders() {
  return {{"models", models_folder()},
          {"data", data_folder()},
          {"Hugging Face cache", hugging_face_cache()},
          {"Ollama's store", ollama_store()}};
}

std::string state_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "not there";
  const auto space = std::filesystem::space(path, error);
  return error ? "there" : "there, " + human_bytes(static_cast<double>(space.available)) + " free";
}

std::string describe_threads(const Machine& machine) {
  std::string text = fmt::format("{} (cores {}, logical processors {}", default_threads(),
                                 machine.physical_cores, machine.logical_processors);
  if (machine.cpu_quota > 0) text += fmt::format(", quota {:g}", machine.cpu_quota);
  return text + ")";
}

OrderedJson to_json(const Machine& machine) {
  OrderedJson caches = OrderedJson::array();
  for (const CacheInfo& cache : machine.caches) {
    caches.push_back({{"level", cache.level},
                      {"type", cache.type},
                      {"bytes", cache.bytes},
                      {"shared_by", cache.shared_by}});
  }
  OrderedJson places = OrderedJson::array();
  std::error_code ignored;
  for (const Folder& folder : folders()) {
    places.push_back({{"name", folder.what},
                      {"path", folder.path.string()},
                      {"exists", std::filesystem::exists(folder.path, ignored)}});
  }
  return {{"version", JIELONG_VERSION},
          {"compiler", __VERSION__},
          {"isa", name(active_isa())},
          {"isa_choice", explain_isa_choice()},
          {"processor", machine.processor},
          {"logical_processors", machine.logical_processors},
          {"physical_cores", machine.physical_cores},
          {"cpu_quota", machine.cpu_quota},
          {"threads", default_threads()},
          {"memory_bytes", machine.memory_bytes},
          {"available_bytes", machine.available_bytes},
          {"caches", std::move(caches)},
          {"folders", std::move(places)}};
}

void doctor(Console& console) {
  const Machine machine = inspect_machine();
  if (console.json) {
    console.print_json(to_json(machine));
    return;
  }
  const auto line = [&](const std::string& what, const std::string& value) {
    console.print(console.paint(Style::bold, pad(what, 20)) + value + "\n");
  };
  line("jielong", std::string(JIELONG_VERSION) + ", compiled by " __VERSION__);
  line("kernels", std::string(name(active_isa())));
  for (const std::string& reason : explain_isa_choice()) line("", reason);
  line("processor", machine.processor.empty() ? "unknown" : machine.processor);
  line("threads", describe_threads(machine));
  for (const CacheInfo& cache : machine.caches) {
    if (cache.type == "Instruction") continue;
    line("", fmt::format("L{} {}, shared by {}", cache.level,
                         human_bytes(static_cast<double>(cache.bytes)), cache.shared_by));
  }
  line("memory", human_bytes(static_cast<double>(machine.memory_bytes)) + ", " +
                     human_bytes(static_cast<double>(machine.available_bytes)) + " available");
  for (const Folder& folder : folders()) {
    line(folder.what, folder.path.string() + " (" + state_of(folder.path) + ")");
  }
  for (const char* variable : {"JIELONG_ISA", "HF_HOME", "HF_HUB_OFFLINE", "NO_COLOR"}) {
    if (const char* value = std::getenv(variable)) line(variable, value);
  }
  line("HF_TOKEN", std::getenv("HF_TOKEN") != nullptr ? "set" : "not set");
}

}  // namespace

void add_doctor(Command& command, Console& console) {
  command.example("jielong doctor", "everything a bug report needs");
  command.example("JIELONG_ISA=avx2 jielong doctor", "try another instruction set");
  command.action([&console] { doctor(console); });
}

}  // namespace jielong::cli
