#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::store {

/// index-url of a pip.conf, from its [global] section or, before that, [download] or
/// [install]. Nothing when it sets none.
std::optional<std::string> index_url_of(std::string_view pip_conf);

/// pip's config files, those that win last.
std::vector<std::filesystem::path> pip_config_files();

}  // namespace jielong::store
