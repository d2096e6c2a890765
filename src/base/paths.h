#pragma once

#include <filesystem>

namespace jielong {

/// Where Jielong keeps pulled and converted models:
/// $XDG_CACHE_HOME/jielong/models, by default ~/.cache/jielong/models.
std::filesystem::path models_folder();

/// Where chats, runs and histories live: $XDG_DATA_HOME/jielong, by default
/// ~/.local/share/jielong.
std::filesystem::path data_folder();

/// The Hugging Face cache: $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub.
std::filesystem::path hugging_face_cache();

/// Ollama's store: $OLLAMA_MODELS or ~/.ollama/models.
std::filesystem::path ollama_store();

}  // namespace jielong
