#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// A checkpoint is a folder that appears whole or not at all:
///
///     step-00000100/
///       model.gguf           θ, as `jielong run` and others load it
///       state.safetensors    optimizer states, moving average, and what of θ the model file lacks
///       state.json           step, data position, counts (training_state.h)
///       recipe.yaml          what the run was started with
///       complete.json        sizes and SHA-256 of the above; written last
///
/// Files are written into a folder with a temporary name and synced, the folder is renamed, its
/// parent synced, and only then does complete.json appear. A folder without it is what a crash left
/// behind: never read, and removed by the next save.
struct Checkpoint {
  std::int64_t step = 0;
  std::filesystem::path folder;
};

/// Complete checkpoints in a folder, by step ascending. Empty when there is no such folder.
std::vector<Checkpoint> list_checkpoints(const std::filesystem::path& folder);
/// The newest complete one.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& folder);
/// Writes a checkpoint: `write` is given the temporary folder and fills it with files. Returns the
/// folder with its final name. Throws what `write` throws and Error(io); then nothing has appeared.
Checkpoint write_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                            const std::function<void(const std::filesystem::path&)>& write);

/// Checks sizes and SHA-256 of all files of a checkpoint. Throws Error(bad_input) naming the file.
void verify_checkpoint(const Checkpoint& checkpoint);

/// What complete.json says of one file.
struct CheckpointFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// Reads complete.json. Throws Error(bad_input), also for names that lead out of the folder.
std::vector<CheckpointFile> parse_checkpoint_marker(std::string_view text,
                                                    const std::string& where);

/// Renames a damaged checkpoint to "damaged-step-…", so that it is neither used nor counted.
void set_aside(const Checkpoint& checkpoint);

/// Removes checkpoints but the last `keep` and those of the steps in `spared`, and what crashes
/// left. The marker of each goes first, so that a half-removed one is not complete.
void prune_checkpoints(const std::filesystem::path& folder, std::int64_t keep,
                       std::span<const std::int64_t> spared);

}  // namespace jielong
