package lock

// Forget takes a scheme back that a test has registered.
func Forget(name string) {
	schemes.mu.Lock()
	defer schemes.mu.Unlock()
	delete(schemes.kinds, name)
}
