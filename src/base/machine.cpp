#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

namespace jielong {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::uint64_t> leading_number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

/// "32K" → 32768.
std::uint64_t size_with_unit(const std::string& text) {
  std::uint64_t value = leading_number(text).value_or(0);
  if (text.ends_with('K')) value <<= 10;
  if (text.ends_with('M')) value <<= 20;
  return value;
}

/// The value behind "key:" in a file like /proc/meminfo.
std::string field(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::vector<int> allowed_processors() {
  std::vector<int> allowed;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) allowed.push_back(i);
    }
  }
  if (allowed.empty()) {
    const int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    for (int i = 0; i < count; ++i) allowed.push_back(i);
  }
  return allowed;
}

int count_cores(const std::vector<int>& processors) {
  std::set<std::pair<std::string, std::string>> cores;
  for (const int i : processors) {
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(i) + "/topology/";
    const std::string core = first_line(topology + "core_id");
    if (core.empty()) return static_cast<int>(processors.size());
    cores.emplace(first_line(topology + "physical_package_id"), core);
  }
  return static_cast<int>(cores.size());
}

/// How many processors a list like "0-3,8" names.
int count_list(std::string_view list) {
  int count = 0;
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    const std::string_view part = list.substr(0, end);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    const auto first = leading_number(part);
    if (!first) continue;
    const std::size_t dash = part.find('-');
    const auto last =
        dash == std::string_view::npos ? first : leading_number(part.substr(dash + 1));
    count += static_cast<int>(last.value_or(*first) - *first + 1);
  }
  return count;
}

std::vector<CacheInfo> read_caches(int processor) {
  std::vector<CacheInfo> caches;
  for (int index = 0; index < 16; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                               "/cache/index" + std::to_string(index) + "/";
    const std::string level = first_line(folder + "level");
    if (level.empty()) break;
    caches.push_back({static_cast<int>(leading_number(level).value_or(0)),
                      first_line(folder + "type"), size_with_unit(first_line(folder + "size")),
                      count_list(first_line(folder + "shared_cpu_list"))});
  }
  return caches;
}

/// Processors per second of a version-2 control group: "max 100000" or "150000 100000".
double read_cpu_quota() {
  const std::string line = first_line("/sys/fs/cgroup/cpu.max");
  const auto quota = leading_number(line);
  const std::size_t space = line.find(' ');
  if (!quota || space == std::string::npos) return 0;
  const auto period = leading_number(std::string_view(line).substr(space));
  if (!period || *period == 0) return 0;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

Machine inspect_machine() {
  Machine machine;
  machine.processor = field("/proc/cpuinfo", "model name");
  const std::vector<int> processors = allowed_processors();
  machine.logical_processors = static_cast<int>(processors.size());
  machine.physical_cores = count_cores(processors);
  machine.cpu_quota = read_cpu_quota();
  machine.memory_bytes = leading_number(field("/proc/meminfo", "MemTotal")).value_or(0) << 10;
  machine.available_bytes = leading_number(field("/proc/meminfo", "MemAvailable")).value_or(0)
                            << 10;
  if (const auto limit = leading_number(first_line("/sys/fs/cgroup/memory.max"))) {
    machine.memory_bytes =
        machine.memory_bytes == 0 ? *limit : std::min(machine.memory_bytes, *limit);
    const auto used = leading_number(first_line("/sys/fs/cgroup/memory.current")).value_or(0);
    machine.available_bytes = std::min(machine.available_bytes, *limit - std::min(used, *limit));
  }
  machine.caches = read_caches(processors.front());
  return machine;
}

int default_threads() {
  const std::vector<int> processors = allowed_processors();
  int threads = std::max(1, count_cores(processors));
  if (const double quota = read_cpu_quota(); quota > 0) {
    threads = std::min(threads, std::max(1, static_cast<int>(std::ceil(quota))));
  }
  return threads;
}

}  // namespace jielong
