package lock

// Forget takes a scheme back that a test has registered.
func Forget(name string) {
	registeredMu.Lock()
	defer registeredMu.Unlock()
	delete(registered, name)
}
