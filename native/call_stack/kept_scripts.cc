#include "call_stack/kept_scripts.h"

#include <algorithm>

#include "call_stack/script_text.h"
#include "recursion_guard.h"

namespace memray_mocha {

std::vector<int> KeptScripts::Keep(const std::string& name,
                                   v8::Local<v8::UnboundScript> script) {
  std::lock_guard lock(mutex_);
  std::vector<int> dead;
  if (scripts_.size() >= prune_at_) dead = ForgetDead();
  const int id = script->GetId();
  last_ = std::max(last_, id);
  v8::Global<v8::UnboundScript>& handle = scripts_[id];
  handle.Reset(isolate_, script);
  if (name.empty()) {
    handle.SetWeak();
    return dead;
  }
  // The handle holds the script's outermost function, which dies when it has
  // run, long before the functions in it are called. So it is kept, but only
  // that of the newest script of a name: a module that is loaded again and
  // again must not pile up because of us.
  const auto [newest, is_first] = newest_.try_emplace(name, id);
  if (!is_first) scripts_[newest->second].SetWeak();
  newest->second = id;
  return dead;
}

/// A program that evaluates text for ever must not make this grow for ever.
std::vector<int> KeptScripts::ForgetDead() {
  std::vector<int> dead;
  std::erase_if(scripts_, [&dead](const auto& script) {
    if (!script.second.IsEmpty()) return false;
    dead.push_back(script.first);
    return true;
  });
  prune_at_ = 2 * scripts_.size() + 1024;
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
  return found->second.Get(isolate_);
}

void KeptScripts::Mark() {
  std::lock_guard lock(mutex_);
  last_old_ = last_;
}

void KeptScripts::Release(const std::set<int>& needed) {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  for (auto script = scripts_.upper_bound(last_old_); script != scripts_.end();
       ++script) {
    auto& [id, handle] = *script;
    if (handle.IsEmpty() || handle.IsWeak() || needed.contains(id)) continue;
    handle.SetWeak();
    released_.insert(id);
  }
}

bool KeptScripts::Reclaim() {
  std::lock_guard lock(mutex_);
  std::erase_if(released_, [this](int id) {
    auto& handle = scripts_[id];
    if (handle.IsEmpty()) return false;
    handle.ClearWeak();
    return true;
  });
  return released_.empty();
}

void KeptScripts::Restore(v8::Local<v8::UnboundScript> script) {
  std::lock_guard lock(mutex_);
  const int id = script->GetId();
  if (released_.erase(id) > 0) scripts_[id].Reset(isolate_, script);
}

std::vector<int> KeptScripts::ForgetReleased() {
  std::lock_guard lock(mutex_);
  std::erase_if(newest_, [this](const auto& newest) {
    return released_.contains(newest.second);
  });
  for (const int id : released_) scripts_.erase(id);
  const std::vector<int> forgotten(released_.begin(), released_.end());
  released_.clear();
  return forgotten;
}

}  // namespace memray_mocha
