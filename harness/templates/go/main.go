// Drives @NAME@ for lockstorm. Put your own library where it says YOURS, and into go.mod.
package main

import (
	"errors"
	"io/fs"
	"lockstorm"
	"os"
	"time"
)

type adapter struct {
	held bool
	poll time.Duration
}

// YOURS. A wait of lockstorm.Forever has no limit, one of 0 does not wait.
func (a *adapter) Acquire(wait time.Duration) (lockstorm.Answer, error) {
	for begun := time.Now(); ; time.Sleep(a.poll) {
		file, err := os.OpenFile(lockstorm.Path(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		switch {
		case err == nil:
			a.held = true
			return lockstorm.OK, file.Close()
		case !errors.Is(err, fs.ErrExist):
			return "", err
		case wait == 0:
			return lockstorm.Busy, nil
		case wait != lockstorm.Forever && time.Since(begun) >= wait:
			return lockstorm.Timeout, nil
		}
	}
}

// YOURS
func (a *adapter) Release() (lockstorm.Answer, error) {
	if !a.held {
		return lockstorm.NotHeld, nil
	}
	a.held = false
	return lockstorm.OK, os.Remove(lockstorm.Path())
}

func (a *adapter) Refresh(time.Duration) (lockstorm.Answer, error) {
	return lockstorm.Unsupported, nil
}

// YOURS: what the library says, never a look at the file system.
func (a *adapter) IsHeld() (bool, error) {
	return a.held, nil
}

func main() {
	// YOURS: what it is called, and the version that the library itself says it has.
	lockstorm.Serve("@NAME@", "0.1", &adapter{poll: lockstorm.Seconds("poll", time.Second)})
}
