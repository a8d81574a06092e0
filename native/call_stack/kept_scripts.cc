#include "call_stack/kept_scripts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "call_stack/script_text.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// Whether a script's name is that of a file. Text may be evaluated under ever
/// new names.
bool IsOfFile(std::string_view name) {
  return name.starts_with('/') || name.starts_with("file:") ||
         name.starts_with("node:");
}

}  // namespace

std::vector<int> KeptScripts::Keep(const std::string& name,
                                   v8::Local<v8::UnboundScript> script) {
  std::lock_guard lock(mutex_);
  std::vector<int> dead;
  if (scripts_.size() >= prune_at_) dead = ForgetDead();
  const int id = script->GetId();
  last_ = std::max(last_, id);
  v8::Global<v8::UnboundScript>& handle = scripts_[id].handle;
  handle.Reset(isolate_, script);
  if (name.empty())
    handle.SetWeak();
  else
    NoteNewest(name, id);
  return dead;
}

/// The handle holds the script's outermost function, which dies when it has
/// run, long before the functions in it are called. So it is kept, but only
/// that of the newest script of a name, and of the last names that are no
/// files': what is loaded again and again must not pile up because of us.
void KeptScripts::NoteNewest(const std::string& name, int id) {
  const auto [newest, is_first] = newest_.try_emplace(name, id);
  if (!is_first) LetGo(std::exchange(newest->second, id));
  if (IsOfFile(name)) {
    scripts_[id].is_newest_of_file = true;
    return;
  }
  if (is_first) evaluated_.push_back(name);
  if (evaluated_.size() <= kMaxEvaluated) return;
  const auto oldest = newest_.find(evaluated_.front());
  LetGo(oldest->second);
  newest_.erase(oldest);
  evaluated_.pop_front();
}

void KeptScripts::LetGo(int id) {
  const auto found = scripts_.find(id);
  if (found == scripts_.end()) return;
  Script& script = found->second;
  if (!script.handle.IsEmpty()) script.handle.SetWeak();
  script.is_newest_of_file = false;
  script.is_let_go = true;
}

/// A program that evaluates text for ever must not make this grow for ever.
std::vector<int> KeptScripts::ForgetDead() {
  std::vector<int> dead;
  std::erase_if(scripts_, [&dead](const auto& each) {
    const auto& [id, script] = each;
    if (!script.handle.IsEmpty() || script.is_newest_of_file) return false;
    dead.push_back(id);
    return true;
  });
  prune_at_ = 2 * scripts_.size() + kPruneAt;
  return dead;
}

KeptScripts::Place KeptScripts::Locate(int id, uint32_t position) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = Find(id);
  if (script.IsEmpty()) return {0, 0};
  // Not under the lock: V8 may collect garbage here and report code it moves.
  const auto offset = static_cast<int>(position);
  return {static_cast<uint32_t>(script->GetLineNumber(offset) + 1),
          static_cast<uint32_t>(script->GetColumnNumber(offset) + 1)};
}

KeptScripts::Description KeptScripts::Describe(int id) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = Find(id);
  if (script.IsEmpty()) return {};
  return {FullNameOfScript(isolate_, script),
          SourceMappingUrlOf(isolate_, script)};
}

/// @return empty when the program is done with it.
v8::Local<v8::UnboundScript> KeptScripts::Find(int id) const {
  std::lock_guard lock(mutex_);
  const auto found = scripts_.find(id);
  if (found == scripts_.end()) return {};
  return found->second.handle.Get(isolate_);
}

void KeptScripts::Mark() {
  std::lock_guard lock(mutex_);
  last_old_ = last_;
}

void KeptScripts::Release(const std::set<int>& needed) {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  for (auto each = scripts_.upper_bound(last_old_); each != scripts_.end();
       ++each) {
    auto& [id, script] = *each;
    if (script.handle.IsEmpty() || script.handle.IsWeak() ||
        needed.contains(id)) {
      continue;
    }
    script.handle.SetWeak();
    released_.insert(id);
  }
}

void KeptScripts::Reclaim() {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  for (const int id : released_) {
    Script& script = scripts_[id];
    if (script.handle.IsEmpty())
      script.is_let_go = true;
    else
      script.handle.ClearWeak();
  }
  released_.clear();
}

bool KeptScripts::BeginSearch(const std::set<int>& needed) {
  std::lock_guard lock(mutex_);
  for (const int id : needed) {
    const auto found = scripts_.find(id);
    if (found != scripts_.end() && found->second.is_let_go &&
        found->second.handle.IsEmpty()) {
      sought_.insert(id);
    }
  }
  return !sought_.empty();
}

void KeptScripts::Restore(v8::Local<v8::UnboundScript> function) {
  std::lock_guard lock(mutex_);
  const int id = function->GetId();
  if (sought_.erase(id) == 0) return;
  auto& handle = scripts_[id].handle;
  handle.Reset(isolate_, function);
  handle.SetWeak();
}

void KeptScripts::EndSearch() {
  std::lock_guard lock(mutex_);
  for (const int id : sought_) scripts_[id].is_let_go = false;
  sought_.clear();
}

}  // namespace memray_mocha
