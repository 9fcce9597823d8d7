import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.StandardOpenOption;

/** java.nio's FileChannel.lock and tryLock, on a channel that stays open. */
public final class Adapter extends LockstormAdapter {
    private final long pause = milliseconds("poll", 100);
    private FileChannel channel;
    private FileLock lock;

    @Override
    protected Answer acquire(Double timeout) throws IOException, InterruptedException {
        if (channel == null) {
            channel = FileChannel.open(PATH, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        }
        if (timeout == null) {
            lock = channel.lock();
            return Answer.OK;
        }
        long begun = System.nanoTime();
        while (true) {
            FileLock got = channel.tryLock(); // null: another program has it
            if (got != null) {
                lock = got;
                return Answer.OK;
            }
            if (System.nanoTime() - begun >= timeout * 1e9) {
                return timeout == 0 ? Answer.BUSY : Answer.TIMEOUT;
            }
            Thread.sleep(pause);
        }
    }

    @Override
    protected Answer release() throws IOException {
        if (!isHeld()) {
            return Answer.NOT_HELD; // there is no FileLock that could be asked to
        }
        lock.release();
        return Answer.OK;
    }

    @Override
    protected boolean isHeld() {
        return lock != null && lock.isValid();
    }

    public static void main(String[] arguments) throws IOException {
        new Adapter().serve("java-filechannel", Runtime.version().toString());
    }
}
